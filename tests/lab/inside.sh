#!/bin/bash
# SPDX-License-Identifier: ISC
# inside.sh BUILD [quick|whole] - the tests of the engine kvm, on a host whose KVM works. Each is one that runs outside
# the lab as well, where it finds another engine, or none. All that they print becomes one TAP. LAB is the folder with
# the kernel for tests that have it as a guest.
set -u

build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
part=${2-quick}

export POSTERN=$build/cli/postern
export GUESTS=$build/tests/machine/guests
export SDK_GUESTS=$build/tests/guests
export EXAMPLES=$build/guest/examples
export KERNEL=$LAB/kernel/vmlinuz
export INITRD=$LAB/linux.initrd
export CMOCKA_MESSAGE_OUTPUT=TAP

count=0
failed=0

# Numbers the tests of one TAP on, with the name of what printed it. One that prints no plan, or fails without
# saying of which test, is a failure of its own.
run()
{
	local name=$1 begin=$SECONDS line seen=0 bad=0 status
	shift
	while IFS= read -r line; do
		case $line in
		'ok '* | 'not ok '*)
			seen=$((seen + 1))
			count=$((count + 1))
			[[ $line == ok\ * || $line == *'# SKIP'* ]] || bad=$((bad + 1))
			[[ $line =~ ^(ok|not\ ok)\ +[0-9]+\ *-?\ *(.*)$ ]]
			printf '%s %d - %s: %s\n' "${BASH_REMATCH[1]}" "$count" "$name" "${BASH_REMATCH[2]}"
			;;
		'status '*) status=${line#status } ;;
		[0-9]*..[0-9]*) ;;
		'#'*) printf '%s\n' "$line" ;;
		*) printf '# %s\n' "$line" ;;
		esac
	done < <("$@" 2>&1; printf '\nstatus %d\n' $?)
	if ((seen == 0 || (status != 0 && bad == 0))); then
		count=$((count + 1))
		bad=1
		printf 'not ok %d - %s: status %d\n' "$count" "$name" "$status"
	fi
	failed=$((failed + bad))
	printf '# %s: %d s\n' "$name" $((SECONDS - begin))
}

is_kvm()
{
	echo "1..1"
	"$POSTERN" doctor
	"$POSTERN" doctor | grep -q '^  kvm  *yes' && echo "ok 1 the probe finds that KVM works"
}

run doctor is_kvm
run engine "$source/tests/cmocka.sh" "$build/tests/unit/engine/test_common" kvm
run kvm "$source/tests/cmocka.sh" "$build/tests/unit/engine/test_kvm"
run versions "$source/tests/evolution/matrix.sh" "$build/tests/evolution" kvm ring3
ATTACKS=$([ "$part" = whole ] && echo 60 || echo 6) run attacks bats --tap "$source/tests/lab/attacks.bats"
run guests bats --tap "$source/tests/cli/guests.bats"
run unmodified bats --tap "$source/tests/cli/unmodified.bats"
if [ "$part" = whole ]; then
	run machine "$source/tests/cmocka.sh" "$build/tests/machine/test_machine"
	run boot bats --tap "$source/tests/cli/boot.bats"
	run linux bats --tap "$source/tests/lab/linux.bats"
	run run bats --tap "$source/tests/cli/run.bats"
	# Those that do the same on the lab's own kernel, whose files cannot be written and which has little memory.
	run programs env PROGRAMS="$build/tests/programs" "$source/tests/programs/run.py" \
		"$source/tests/programs/cases/built.cases" calls calls-on-two-vcpus threads threads-on-two-vcpus \
		runtime signals signals-on-two-vcpus waiting waiting-on-two-vcpus exec system exceptions \
		exceptions-on-two-vcpus exception-uncaught die-of-segv die-of-stack lua-language sqlite-shared zstd \
		crypto
fi
printf '1..%d\n' "$count"
((failed == 0))
