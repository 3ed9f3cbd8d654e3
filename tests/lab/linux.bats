#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Debian's stock kernel as a guest, which knows nothing of Postern: by the 64-bit boot protocol of a bzImage, and by PVH.
# KERNEL is that file, and INITRD an initial file system whose init is linux-init, beside this file.

# run sets stderr.
# shellcheck disable=SC2154
# What the guest's shell expands is not ours to expand.
# shellcheck disable=SC2016

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
	timeout 600 "$POSTERN" boot --engine kvm --kernel "${kernel-$KERNEL}" --initrd "$INITRD" --memory 256M \
		--append "console=ttyS0 panic=-1 quiet" "$@" <"$BATS_FILE_TMPDIR/input" \
		>"$BATS_TEST_TMPDIR/output" 2>"$BATS_TEST_TMPDIR/errors" 3>&- 4>&- &
	guest=$!
	wait_for "a shell is here" "$BATS_TEST_TMPDIR/output" "$guest"
}

# ends_with STATUS [ERRORS]
ends_with()
{
	local status=0
	wait "$guest" || status=$?
	exec 4>&-
	equal "$status $(<"$BATS_TEST_TMPDIR/errors")" "$1 ${2-}"
}

# The number of four bytes at an offset in the kernel's file.
word_at()
{
	od -A n -t u4 -j "$1" -N 4 "$KERNEL" | tr -d ' '
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
	ends_with 123 "postern: $KERNEL: ended when the guest reset itself"
	contains "$(<"$BATS_TEST_TMPDIR/output")" "Linux" "x86_64"
	grep -qx $'2\r*' "$BATS_TEST_TMPDIR/output"
}

# The bzImage unpacks itself from where its header says to an ELF file that has such a note.
@test "the same kernel by PVH" {
	local from
	kernel=$BATS_TEST_TMPDIR/vmlinux
	from=$(($(word_at 0x248) + 512 * (1 + $(od -A n -t u1 -j 0x1f1 -N 1 "$KERNEL"))))
	# Behind the packed file are four bytes that are its size unpacked.
	tail -c +$((from + 1)) "$KERNEL" | head -c $(($(word_at 0x24c) - 4)) | xz -dc >"$kernel" ||
		skip "this kernel is packed by another program than xz"
	start
	printf '%s\n' 'echo "says $((6 * 7))"; poweroff -f' >&4
	ends_with 0
	contains "$(<"$BATS_TEST_TMPDIR/output")" "says 42"
}

@test "what does not fit is refused, and nothing is started" {
	run timeout 60 "$POSTERN" boot --engine kvm --kernel "$KERNEL" --memory 16M
	equal "$status" 126
	contains "$output" "too large for memory of 16 MiB"
	run timeout 60 "$POSTERN" boot --engine kvm --kernel "$KERNEL" --initrd "$KERNEL" --memory 68M
	equal "$status" 126
	contains "$output" "the initrd of $(stat -c %s "$KERNEL") bytes does not fit into memory of 68 MiB"
	run timeout 60 "$POSTERN" boot --engine kvm --kernel "$KERNEL" --append "$(printf '%3000s' x)"
	equal "$status" 125
	contains "$output" "the command line has 3000 bytes, more than 2047"
	run timeout 60 "$POSTERN" boot --engine kvm --kernel <(head -c 1000000 "$KERNEL")
	equal "$status" 126
	contains "$output" "cut short: 1000000 bytes"
}
