#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh BUILD [quick|whole] - runs the tests of the engine kvm. On a host whose KVM works they run there; otherwise in
# the lab: a machine that qemu interprets, whose processor has SVM, with Debian's stock kernel, which finds the
# host's files by 9p and has them read-only. Prints TAP, and `N passed, N failed, N skipped`. The first run
# fetches the kernel into build/lab, where logs of the machine are as well.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
part=${2-quick}
lab=${LAB-$here/../../build/lab}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

# Fails unless all tests have run, and none has failed.
summarize()
{
	awk '/^ok .*# SKIP/ { skipped++; next } /^ok / { passed++ } /^not ok / { failed++ }
		/^1\.\.[0-9]+$/ { planned = substr($0, 4) }
		END {
			if ((!planned || planned != passed + failed + skipped) && !failed)
				failed = 1
			printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
			exit failed > 0
		}' "$root/output"
}

for program in qemu-system-x86_64 cpio; do
	command -v "$program" >/dev/null || {
		echo "lab: needs $program: scripts/setup.sh lab" >&2
		exit 1
	}
done
mkdir -p "$lab"
lab=$(cd "$lab" && pwd)
if ! "$here/kernel.sh" "$lab/kernel"; then
	echo "lab: Debian's kernel cannot be had, so nothing of the engine kvm was tested"
	echo "0 passed, 0 failed, 1 skipped"
	exit
fi

# pack INIT FILE [MODULE]... - an initial file system of busybox, modules, and a first process.
pack()
{
	rm -rf "$root/tree"
	mkdir -p "$root/tree/bin" "$root/tree/proc" "$root/tree/dev" "$root/tree/host"
	cp /bin/busybox "$root/tree/bin/"
	cp "$here/$1" "$root/tree/init"
	to=$2
	shift 2
	for module; do
		cp "$lab/kernel/$module" "$root/tree/"
		echo "$module" >>"$root/tree/modules"
	done
	(cd "$root/tree" && find . | cpio --quiet -o -H newc) | gzip -1 >"$to"
}

pack linux-init "$lab/linux.initrd"
if "$build/cli/postern" doctor | grep -q '^  kvm  *yes'; then
	LAB=$lab "$here/inside.sh" "$build" "$part" | tee "$root/output"
	summarize
	exit
fi
# Without SMAP: qemu's IRETQ from ring 3 to ring 3, which ring3 executes, reads the stack as if it were the kernel's.
# Names of modules have no blanks.
# shellcheck disable=SC2046
pack init "$root/initrd" $(cat "$lab/kernel/modules")
# With icount, its time goes by what it has executed: a host that is busy makes it slow, but none of its tests late. Linux
# inside Linux was seen to hang with it, so it is for the quick part alone.
time=
[ "$part" != quick ] || time="-icount shift=2 -rtc clock=vm"
# shellcheck disable=SC2086
timeout "${LAB_TIMEOUT-3600}" qemu-system-x86_64 -accel tcg $time -cpu EPYC,-smap -m 1024 -nodefaults \
	-display none -no-reboot -kernel "$lab/kernel/vmlinuz" -initrd "$root/initrd" \
	-append "console=ttyS0 quiet panic=-1 tsc=reliable clocksource=tsc -- INTERPRETED=1 LAB=$lab $here/inside.sh $build $part" \
	-serial "file:$lab/console.log" -serial stdio \
	-fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap \
	-device virtio-9p-pci,fsdev=host,mount_tag=host 2>"$lab/qemu.log" | tee "$root/output"
summarize
