#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Guests that are built with the SDK, one behaviour each: those of tests/guests check themselves, and exit with 0
# when all was as it should be. SDK_GUESTS and EXAMPLES are the folders of their images. INTERPRETED is set where
# the processor is one that qemu interprets.

# run sets stderr.
# shellcheck disable=SC2154

load common

boot()
{
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
	run --separate-stderr timeout 60 "$POSTERN" boot "$@" </dev/null
}

# passes GUEST [OPTION]...
passes()
{
	boot "$SDK_GUESTS/$1.elf" "${@:2}"
	equal "$status $stderr" "0 "
}

@test "hello, the example" {
	boot "$EXAMPLES/hello.elf"
	equal "$status $output" "0 Hello from a guest of Postern!"
	equal "$stderr" ""
}

@test "every vCPU says that it is there" {
	boot "$EXAMPLES/everyone.elf" --cpus 4
	equal "$status" 0
	contains "$output" "vCPU 1 is here" "vCPU 3 is here" "all are here"
}

@test "calls over a ring, the example" {
	boot "$EXAMPLES/ring.elf"
	equal "$status" 0
	contains "$output" "and all cross at once."
}

@test "a guest's code is the status" {
	boot "$SDK_GUESTS/exit_code.elf"
	equal "$status" 42
}

@test "calls by trap" { passes trap; }
@test "calls in a batch" { passes batch; }
@test "calls over rings, polled and not" { passes ring; }

@test "files of a mount, by trap, in a batch and over a ring" {
	local shared=$BATS_TEST_TMPDIR/shared
	mkdir "$shared"
	echo "of the host" >"$shared/greeting"
	boot "$SDK_GUESTS/files.elf" --mount "$shared:/there"
	equal "$status $stderr" "0 "
	contains "$output" "for /there" "by trap: of the host" "in batches: of the host" "over a ring: of the host" \
		"files: read"
	boot "$SDK_GUESTS/files.elf" --mount "$shared:/there:rw"
	equal "$status $stderr" "0 "
	contains "$output" "files: changed"
	equal "$(ls "$shared")" "greeting"
}

@test "files of a mount, by several vCPUs at once, and a VM that ends with calls in flight" {
	local shared=$BATS_TEST_TMPDIR/shared cpus
	mkdir "$shared"
	for cpus in 1 2 8; do
		boot "$SDK_GUESTS/files_at_once.elf" --cpus "$cpus" --mount "$shared:/there:rw"
		equal "$status $stderr $output" "0  files_at_once: $cpus vCPUs"
		equal "$(ls "$shared")" ""
	done
}

@test "mounts that cannot be had" {
	boot "$SDK_GUESTS/files.elf" --mount "$BATS_TEST_TMPDIR/none:/there"
	equal "$status" 125
	contains "$stderr" "none: cannot mount: cannot open: No such file or directory"
	boot "$SDK_GUESTS/files.elf" --mount "$BATS_TEST_TMPDIR:there"
	contains "$stderr" "the guest's path there is not absolute"
	boot "$SDK_GUESTS/files.elf" --mount "$BATS_TEST_TMPDIR"
	contains "$stderr" "not of the form SRC:DST"
	boot "$SDK_GUESTS/files.elf" --mount /proc:/proc
	contains "$stderr" "/proc: cannot mount: it shows the host's kernel"
	boot "$SDK_GUESTS/files.elf" --mount /dev/null:/null
	contains "$stderr" "neither a directory nor a regular file"
	boot "$SDK_GUESTS/files.elf"
	equal "$status" 126
	contains "$stderr" "needs call file.root, which is not granted"
}

@test "events" { passes events; }
@test "events in a storm, with all registers kept" { passes storm; }
@test "timers" { passes timer; }
@test "several vCPUs" { passes vcpus --cpus 4; }
@test "page faults" { passes fault; }
@test "exceptions" { passes exception ${INTERPRETED:+-- --without-simd}; }
@test "calls that are not granted" { passes forbidden --allow -all,minimal,console; }
@test "what the processor says of itself" { passes cpuid; }

@test "the counter is as coarse as the clocks, where the host can, unless the guest may have it" {
	passes rdtsc
	if [ "$(engine)" = ring3 ] && "$POSTERN" doctor --json | jq -e '.host[] | select(.name == "TSC faulting").available' >/dev/null; then
		equal "$output" "rdtsc: not to be used; it is as coarse as the clock"
	fi
	passes rdtsc --resolution 1
}

@test "privileged instructions are emulated, or a crash that names them" {
	boot "$SDK_GUESTS/privileged.elf"
	contains "$output" "privileged: sti: done" "privileged: cli: done"
	[ "$status" -eq 0 ] || contains "$stderr" "read from port 0x3fd, where there is no device"
}

@test "the edges of memory" { passes memory_edges; }
@test "calls with nonsense" { passes hostile_calls; }
@test "rings with nonsense" { passes hostile_ring; }

@test "a crash, with names" {
	boot "$SDK_GUESTS/crash.elf"
	equal "$status" 134
	contains "$stderr" "page fault writing 0x8, which is not mapped" "#0" "c+0x" "#2" "a+0x"
}

@test "a panic, in words" {
	boot "$SDK_GUESTS/panic.elf"
	equal "$status" 134
	contains "$stderr" "reports a crash: panic" "give_up+0x"
}
