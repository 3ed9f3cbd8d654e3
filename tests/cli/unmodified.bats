#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Guests that know nothing of Postern, by trap-and-emulate. GUESTS is the folder of the images; unmodified.c there says
# which letters it obeys.

# run sets stderr.
# shellcheck disable=SC2154

load common

setup_file()
{
	KERNEL=$GUESTS/unmodified.elf
	export KERNEL
}

# boot INPUT [OPTION]...
boot()
{
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
	run --separate-stderr timeout 60 "$POSTERN" boot --kernel "$KERNEL" "${@:2}" < <(printf %s "$1")
}

@test "it finds the hardware in order, and turns itself off" {
	boot q
	equal "$status $stderr" "0 "
	equal "$output" $'unmodified\nready'
}

@test "input interrupts it, and each byte comes once and in order" {
	local text
	text=$(printf 'BYTES %d;' {1000..1080})
	boot "${text}q"
	equal "$status $stderr" "0 "
	equal "$output" $'unmodified\nready\n'"$text"
}

@test "the real-time clock tells the date" {
	local before
	before=$(date -u +%Y-%m-%d)
	boot tq
	[[ $output == *"$before" || $output == *"$(date -u +%Y-%m-%d)" ]]
}

@test "the timer interrupts it" {
	boot ssq
	equal "$status $stderr" "0 "
	equal "$output" $'unmodified\nready\nslept\nslept'
}

@test "exceptions go through its own table" {
	boot eq
	equal "$status $stderr" "0 "
	equal "$output" $'unmodified\nready\ncaught'
	boot eu
	equal "$status" 134
	contains "$output" "caught"
	[[ $stderr == *"invalid opcode"* || $stderr == *"double fault"* ]]
}

@test "a reset ends the VM, by each of the ways to do it" {
	for way in r k a; do
		boot "$way"
		equal "$status" 123
		contains "$stderr" "ended when the guest reset itself"
	done
}

@test "what it said before a crash is not lost" {
	boot LASTu
	equal "$status" 134
	contains "$output" "ready" "LAST"
	contains "$stderr" "vCPU 0 crashed"
}

@test "traps are counted apart from hypercalls, and by device" {
	boot ABCq --json "$BATS_TEST_TMPDIR/json"
	equal "$status" 0
	equal "$(jq -c '.stats | [.exits.hypercall, .exits.port > 50, (.calls | length)]' "$BATS_TEST_TMPDIR/json")" \
		"[0,true,0]"
	equal "$(jq '.stats.devices[] | select(.device == "serial") | .writes > 15' "$BATS_TEST_TMPDIR/json")" true
	equal "$(jq '.stats.devices[] | select(.device == "(no device)") | .reads' "$BATS_TEST_TMPDIR/json")" 2
	boot q --stats
	contains "$stderr" "exit " "port " "device " "serial " "(no device) "
}

@test "a signal ends it while it sleeps" {
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
	mkfifo "$BATS_TEST_TMPDIR/silence"
	exec 4<>"$BATS_TEST_TMPDIR/silence"
	"$POSTERN" boot --kernel "$KERNEL" <&4 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	local pid=$!
	wait_for ready "$BATS_TEST_TMPDIR/out" "$pid"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	equal "$status" 143
}

@test "what is typed is the guest's, but for Ctrl-], and the terminal gets its mode back" {
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
	command -v script >/dev/null || skip "needs script(1), to have a terminal"
	mkfifo "$BATS_TEST_TMPDIR/keys"
	timeout 60 script --quiet --return --flush --command \
		"'$POSTERN' boot --kernel '$KERNEL'; status=\$?; stty -a; exit \$status" /dev/null \
		<"$BATS_TEST_TMPDIR/keys" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	local pid=$!
	exec 4>"$BATS_TEST_TMPDIR/keys"
	wait_for ready "$BATS_TEST_TMPDIR/out" "$pid"
	printf 'x\003' >&4
	wait_for $'X\003' "$BATS_TEST_TMPDIR/out" "$pid"
	printf '\035' >&4
	exec 4>&-
	status=0
	wait "$pid" || status=$?
	equal "$status" 130
	contains "$(<"$BATS_TEST_TMPDIR/out")" "ended by signal 2" "isig icanon"
}

@test "output that nobody takes does not keep it from ending" {
	"$POSTERN" doctor >/dev/null || skip "no engine works on this host"
	# The pipe is full, and letters come back, until all buffers are full as well.
	mkfifo "$BATS_TEST_TMPDIR/full"
	exec 4<>"$BATS_TEST_TMPDIR/full"
	head -c 65536 /dev/zero >&4
	status=0
	timeout 60 "$POSTERN" boot --kernel "$KERNEL" --timeout 3 < <(yes xxxxxxxxxxxxxxxx 3>&-) >&4 || status=$?
	equal "$status" 124
}

@test "what cannot be run is refused, and why is said" {
	KERNEL=$GUESTS/hello.elf
	boot ""
	equal "$status" 126
	contains "$stderr" "built for Postern; it runs without --kernel"
	KERNEL=$BATS_TEST_FILENAME
	boot ""
	equal "$status" 126
	contains "$stderr" "neither a Linux bzImage nor an ELF file"
	KERNEL=$GUESTS/unmodified.elf
	boot "" --append quiet
	equal "$status" 125
	contains "$stderr" "takes no initrd and no command line"
	boot "" --memory 4G
	equal "$status" 125
	contains "$stderr" "memory of 4096 MiB"
	boot "" --initrd /nonexistent
	equal "$status" 125
	contains "$stderr" "/nonexistent: cannot open"
}

@test "options that contradict each other" {
	run "$POSTERN" boot --kernel a b
	equal "$status" 125
	contains "$output" "an image and --kernel given"
	run "$POSTERN" boot --initrd a "$GUESTS/hello.elf"
	equal "$status" 125
	contains "$output" "no --kernel"
}
