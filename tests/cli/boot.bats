#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# `postern boot`, `postern trace` and `postern doctor`. GUESTS is the folder of tests/machine/guests' images.

# run sets stderr.
# shellcheck disable=SC2154

load common

# The tests need an engine that works here.
need_engine()
{
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
}

@test "boot runs a guest, and its status is the guest's" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/exit.elf"
	equal "$status $output" "3 "
	equal "$stderr" ""
}

@test "boot connects the guest's console to standard output" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/hello.elf"
	equal "$status $output" "0 hello"
	equal "$stderr" ""
}

@test "boot with several vCPUs runs one until the guest starts more" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/hello.elf" --cpus 4 --memory 16M
	equal "$status $output" "0 hello"
}

@test "boot hands the words behind the image to the guest, however long the line may be" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/command.elf" --memory 8M -- one --two "three four"
	equal "$status $output" "0 one --two three four"
	run --separate-stderr "$POSTERN" boot "$GUESTS/command.elf"
	equal "$status $output" "0 "
	run --separate-stderr "$POSTERN" boot "$GUESTS/command.elf" -- "$(printf '%2048d' 1)"
	equal "$status ${#output}" "0 2048"
	run --separate-stderr "$POSTERN" boot "$GUESTS/command.elf" -- "$(printf '%2049d' 1)"
	equal "$status" 125
	equal "$stderr" "postern: $GUESTS/command.elf: cannot load: the command line has 2049 bytes, more than 2048"
}

# ---- ends ----

@test "a guest that crashes is shown: cause, instruction, registers, backtrace with names" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/fault.elf"
	equal "$status $output" "134 "
	contains "$stderr" "postern: $GUESTS/fault.elf: vCPU 0 crashed: page fault reading 0x10, which is not mapped" \
		": mov rax, [rcx]" "   rcx 0000000000000010" " inner+0x" " outer+0x" " main+0x" " _start+0x"
}

@test "an access to a device that is not there is a crash that names the instruction" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/privileged.elf"
	equal "$status" 134
	contains "$stderr" "1 bytes written to port 0x1234, where there is no device" ": out dx, al"
}

@test "what a guest says of its own crash cannot act on the terminal" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/panic.elf"
	equal "$status" 134
	contains "$stderr" "postern: $GUESTS/panic.elf: vCPU 0 reports a crash: panic" '"no init found\x1b[2J\n"'
	[[ $stderr != *$'\033'* ]]
}

@test "a guest that goes on for too long is ended" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/spin.elf" --timeout 0.2
	equal "$status" 124
	contains "$stderr" "postern: $GUESTS/spin.elf: ended after 0." "s (--timeout)"
}

# As a job of an interactive shell: in the background of a script SIGINT is ignored, and under nohup(1) SIGHUP.
@test "signals end a guest that loops, and the status says which" {
	need_engine
	local number guest status
	for number in 1 2 15; do
		rm -f "$BATS_TEST_TMPDIR/output"
		env --default-signal=INT,HUP,TERM "$POSTERN" boot "$GUESTS/loop.elf" --timeout 100 >"$BATS_TEST_TMPDIR/output" \
			2>"$BATS_TEST_TMPDIR/errors" 3>&- &
		guest=$!
		wait_for looping "$BATS_TEST_TMPDIR/output" "$guest"
		kill "-$number" "$guest"
		status=0
		wait "$guest" || status=$?
		equal "$status" $((128 + number))
		contains "$(<"$BATS_TEST_TMPDIR/errors")" "postern: $GUESTS/loop.elf: ended by signal $number ("
	done
}

@test "signals that were ignored stay ignored" {
	need_engine
	(trap '' HUP && exec "$POSTERN" boot "$GUESTS/loop.elf" --timeout 100 >"$BATS_TEST_TMPDIR/output" 2>&1 3>&-) &
	local guest=$! status=0
	wait_for looping "$BATS_TEST_TMPDIR/output" "$guest"
	kill -HUP "$guest"
	kill -TERM "$guest"
	wait "$guest" || status=$?
	equal "$status" 143
}

# ---- refusals ----

@test "an image that is refused is told why" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/bare.elf"
	equal "$status" 126
	equal "$stderr" "postern: $GUESTS/bare.elf: cannot load: no Postern note: not built for Postern"
	run --separate-stderr "$POSTERN" boot "$BATS_TEST_FILENAME"
	equal "$status" 126
	equal "$stderr" "postern: $BATS_TEST_FILENAME: cannot load: not an ELF file"
	run --separate-stderr "$POSTERN" boot "$POSTERN"
	equal "$status" 126
	equal "$stderr" "postern: $POSTERN: cannot load: needs a dynamic linker; link it with -static-pie"
	run --separate-stderr "$POSTERN" boot "$GUESTS/hello.elf" --memory 2M
	equal "$status" 126
	equal "$stderr" "postern: $GUESTS/hello.elf: cannot load: too large for memory of 2 MiB: needs 3 MiB"
}

@test "an image that needs what it is not granted is told how to grant it" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/demanding.elf"
	equal "$status" 126
	equal "$stderr" "postern: $GUESTS/demanding.elf: cannot load: needs call file.close, which is not granted (--allow file)"
	run --separate-stderr "$POSTERN" boot "$GUESTS/hello.elf" --allow -console.write
	equal "$status" 126
	equal "$stderr" "postern: $GUESTS/hello.elf: cannot load: needs call console.write, which is not granted (--allow console)"
}

@test "a file that cannot be read is told why" {
	run --separate-stderr "$POSTERN" boot "$BATS_TEST_TMPDIR/none"
	equal "$status" 125
	equal "$stderr" "postern: $BATS_TEST_TMPDIR/none: cannot open: No such file or directory"
	run --separate-stderr "$POSTERN" boot "$BATS_TEST_TMPDIR"
	equal "$status" 125
	equal "$stderr" "postern: $BATS_TEST_TMPDIR: cannot read: Is a directory"
}

@test "values that make no sense are told" {
	local words
	while read -r words; do
		# shellcheck disable=SC2086
		run --separate-stderr "$POSTERN" boot $words "$GUESTS/exit.elf"
		equal "$words: $status" "$words: 125"
		contains "$stderr" "postern boot: " "--help' tells what it takes"
	done <<-'END'
		--memory 0
		--memory 5000
		--memory 1.5G
		--memory 64MB
		--memory -1
		--memory 2000G
		--memory 99999999999999999999G
		--memory 18446744073709551615K
		--cpus 0
		--cpus 65
		--cpus x
		--engine xen
		--allow everything
		--abi 2.0
		--abi 1.9
		--abi 1
		--abi 1.0.0
		--rate 0
		--rate 10,
		--rate 10,0
		--rate 99999999999
		--resolution 0
		--resolution 2000000000
		--timeout 0
		--timeout -1
		--timeout nan
		--timeout inf
		--timeout 1s
		--frob
	END
	run --separate-stderr "$POSTERN" boot
	equal "$status" 125
	contains "$stderr" "no image given"
}

@test "a name near to a permission's or an engine's is taken as it stands, and refused by name" {
	run --separate-stderr "$POSTERN" boot --allow compute,clocks "$GUESTS/exit.elf"
	contains "$stderr" "--allow compute,clocks: 'clocks' is no profile, section or call"
	run --separate-stderr "$POSTERN" boot --engine xen "$GUESTS/exit.elf"
	contains "$stderr" "engine xen does not exist; 'postern doctor' lists those that do"
}

# ---- watching ----

@test "trace prints each call, and so does boot --trace" {
	need_engine
	run --separate-stderr "$POSTERN" trace "$GUESTS/hello.elf"
	equal "$status $output" "0 hello"
	contains "$stderr" "[0 trap] console.write(stream=output, data=6 bytes) = 6" "[0 trap] vm.exit(code=0)"
	local trace=$stderr
	run --separate-stderr "$POSTERN" boot --trace "$GUESTS/hello.elf"
	equal "$stderr" "$trace"
}

@test "--stats prints a table of the calls" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/hello.elf" --stats
	equal "$status $output" "0 hello"
	contains "$stderr" "on engine " " of RAM touched" "ns/call"
	grep -E '^  console.write +trap +1 +0 ' <<<"$stderr"
	grep -E '^  vm.exit +trap +1 +0 ' <<<"$stderr"
}

@test "--json writes the result for programs" {
	need_engine
	local file=$BATS_TEST_TMPDIR/result.json
	run --separate-stderr "$POSTERN" boot "$GUESTS/exit.elf" --json "$file" --stats
	equal "$status" 3
	equal "$(jq -r '"\(.end) \(.status) \(.stats.calls[] | select(.call == "vm.exit") | "\(.crossing) \(.calls)")"' "$file")" \
		"exited 3 trap 1"
	jq -e '.seconds > 0 and .stats.calls[0].nanoseconds > 0 and .stats.resident > 0' "$file"
	run --separate-stderr "$POSTERN" boot "$GUESTS/fault.elf" --json "$file"
	equal "$status" 134
	equal "$(jq -r '"\(.end) \(.crash.vcpu) \(.crash.instruction) \(.crash.registers.rcx)"' "$file")" \
		"crashed 0 mov rax, [rcx] 0x10"
	equal "$(jq -r '[.crash.backtrace[].name] | join(" ")' "$file")" "inner outer main _start"
	run --separate-stderr "$POSTERN" boot "$GUESTS/spin.elf" --json "$file" --timeout 0.1
	equal "$(jq -r '"\(.end) \(.status)"' "$file")" "timed out 124"
}

@test "JSON that cannot be written is an error" {
	need_engine
	run --separate-stderr "$POSTERN" boot "$GUESTS/exit.elf" --json /dev/full
	equal "$status" 125
	equal "$stderr" "postern: /dev/full: cannot write: No space left on device"
	run --separate-stderr "$POSTERN" boot "$GUESTS/exit.elf" --json "$BATS_TEST_TMPDIR/no/such"
	equal "$status" 125
	equal "$stderr" "postern: $BATS_TEST_TMPDIR/no/such: cannot open: No such file or directory"
}

# ---- the jail ----

# What the kernel says of the monitor and of what it started, while the guest runs.
@test "a monitor is locked down while its guest runs" {
	need_engine
	! "$POSTERN" doctor --json | jq -e .relaxed >/dev/null || skip "a build with a sanitizer has a relaxed jail"
	"$POSTERN" boot "$GUESTS/loop.elf" --timeout 100 >"$BATS_TEST_TMPDIR/output" 2>&1 3>&- &
	local monitor=$! task none=0000000000000000
	wait_for looping "$BATS_TEST_TMPDIR/output" "$monitor"
	for task in "/proc/$monitor/task/"*; do
		equal "$(grep -E '^(CapPrm|CapEff|CapInh|CapAmb|NoNewPrivs|Seccomp):' "$task/status" | tr -d '\t\n')" \
			"CapInh:${none}CapPrm:${none}CapEff:${none}CapAmb:${none}NoNewPrivs:1Seccomp:2"
	done
	grep -E '^Max core file size +0 +0 ' "/proc/$monitor/limits"
	kill "$monitor"
	wait "$monitor" || true
}

# ---- doctor ----

@test "doctor tells of engines and of the host" {
	run --separate-stderr "$POSTERN" doctor
	[ "$status" -le 1 ]
	contains "$output" "engines:" "  kvm " "  ring3 " "this host:" "  seccomp " "  Landlock " "  io_uring " "  CPUID faulting "
	equal "$stderr" ""
}

@test "doctor --json tells the same to programs" {
	run --separate-stderr "$POSTERN" doctor --json
	[ "$status" -le 1 ]
	equal "$(jq -r '[.engines[].name, (.engines[1].available | type), (.host | length > 5)] | join(" ")' <<<"$output")" \
		"kvm ring3 boolean true"
}

@test "doctor takes nothing else" {
	run --separate-stderr "$POSTERN" doctor ring3
	equal "$status" 2
	equal "$stderr" "postern doctor: ring3: takes no arguments"
	run --separate-stderr "$POSTERN" doctor --frob
	equal "$status" 2
}
