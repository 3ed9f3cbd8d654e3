#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Debian's stock kernel as a guest, which knows nothing of Postern: by the 64-bit boot protocol of a bzImage. KERNEL is
# that file, and INITRD an initial file system whose init is linux-init, beside this file.

# run sets stderr.
# shellcheck disable=SC2154

load ../cli/common

setup_file()
{
	mkfifo "$BATS_FILE_TMPDIR/input"
}

# start [OPTION]... - in the background; what is written to descriptor 4 is its serial line's input.
start()
{
	rm -f "$BATS_TEST_TMPDIR/output"
	exec 4<>"$BATS_FILE_TMPDIR/input"
	timeout 300 "$POSTERN" boot --engine kvm --kernel "$KERNEL" --initrd "$INITRD" --memory 256M \
		--append "console=ttyS0 panic=-1 quiet" "$@" <"$BATS_FILE_TMPDIR/input" \
		>"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/errors" 3>&- 4>&- &
	guest=$!
	wait_for "a shell is here" "$BATS_TEST_TMPDIR/output" "$guest"
}

# Its status, when it has ended.
ends_with()
{
	local status=0
	wait "$guest" || status=$?
	exec 4>&-
	equal "$status $(<"$BATS_TEST_TMPDIR/errors")" "$1 "
}

@test "it reaches a shell on the serial console, runs commands, and turns itself off" {
	start --json "$BATS_TEST_TMPDIR/json"
	printf '%s\n' 'echo "says $((6 * 7))"' 'uname -sr' 'nproc' 'sleep 1; date +%Y' 'poweroff -f' >&4
	ends_with 0
	contains "$(<"$BATS_TEST_TMPDIR/output")" "says 42" "Linux 6." "$(date +%Y)"
	grep -qx $'1\r*' "$BATS_TEST_TMPDIR/output"
	equal "$(jq -c '.stats | [.exits.hypercall, .exits.port > 1000, (.calls | length)]' "$BATS_TEST_TMPDIR/json")" \
		"[0,true,0]"
}

@test "it finds two processors, and both work" {
	start --cpus 2
	printf '%s\n' 'nproc' 'taskset 1 uname -s; taskset 2 uname -m' 'reboot -f' >&4
	ends_with 123 || true
	contains "$(<"$BATS_TEST_TMPDIR/output")" "Linux" "x86_64"
	grep -qx $'2\r*' "$BATS_TEST_TMPDIR/output"
}
