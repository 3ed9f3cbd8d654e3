#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# Guests that attack the engine kvm from ring 0. A VM may end by it; its monitor does not fall, says what happened, and
# the next VM is as good as the one before. ATTACKS is how many VMs attack.

# run sets stderr.
# shellcheck disable=SC2154

load ../cli/common

@test "garbage in the engine's memory, at its ports, in registers and tables, and for instructions" {
	local seed ends=
	for ((seed = 1; seed <= ${ATTACKS-8}; seed++)); do
		run --separate-stderr timeout 120 "$POSTERN" boot --engine kvm --cpus 2 --memory 8M --timeout 5 \
			"$SDK_GUESTS/hostile_hardware.elf" -- 1000 "$seed" </dev/null
		case $status in
		0 | 124 | 134) ;;
		3) contains "$output" stuck ;;
		*)
			printf 'seed %d: status %d\n%s\n%s\n' "$seed" "$status" "$output" "$stderr"
			return 1
			;;
		esac
		ends+=" $status"
	done
	echo "# ended by$ends" >&3
	run --separate-stderr "$POSTERN" boot --engine kvm "$EXAMPLES/hello.elf"
	equal "$status $output" "0 Hello from a guest of Postern!"
}
