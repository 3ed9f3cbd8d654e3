#!/bin/sh
# SPDX-License-Identifier: ISC
# matrix.sh FOLDER [ENGINE...] - guests built for this version of the contract and for the next, on hosts of both, at
# each level that these have, on each engine (all of them) that works here. FOLDER holds the build of this folder.
# Prints TAP.
set -u

folder=$1
shift
[ $# -gt 0 ] || set -- ring3 kvm
number=0

# check NAME STATUS EXPECTED_STATUS OUTPUT EXPECTED_OUTPUT
check()
{
	number=$((number + 1))
	if [ "$2" = "$3" ] && [ "$4" = "$5" ]; then
		echo "ok $number - $1"
		return
	fi
	echo "not ok $number - $1"
	printf 'status %s, expected %s\n%s\nexpected:\n%s\n' "$2" "$3" "$4" "$5" | sed 's/^/# /'
	failed=1
}

# try HOST LEVEL GUEST STATUS OUTPUT - on the engine of the moment
try()
{
	output=$("$folder/host_$1" "$folder/$3.elf" "$engine" "$2")
	check "$engine: $3 on host_$1 at level $2" $? "$4" "$output" "$5"
}

say()
{
	printf '%s\nnew call: %s\nnew field of an answer: %s\nnew field of a question: %s' "$1" "$2" "$2" "$2"
}

engines=
for engine; do
	why=$("$folder/host_before" "$folder/guest_before.elf" "$engine" 0 2>&1)
	case $why in
	"engine $engine does not work here"*) skipped="${skipped-}$why
" ;;
	*) engines="$engines $engine" ;;
	esac
done

failed=
echo "TAP version 13"
for engine in $engines; do
	try before 0 guest_before 0 "built for 1.0, runs on 1.0"
	try next 0 guest_before 0 "built for 1.0, runs on 1.0"
	try next 1 guest_before 0 "built for 1.0, runs on 1.1"
	try before 0 guest_next 0 "$(say 'built for 1.1, runs on 1.0' missing)"
	try next 0 guest_next 0 "$(say 'built for 1.1, runs on 1.0' missing)"
	try next 1 guest_next 0 "$(say 'built for 1.1, runs on 1.1' used)"
	try before 0 guest_demanding 126 "needs call 0xf100, which this version of Postern does not know"
	try next 0 guest_demanding 126 "needs call more.double, which is newer than this VM's ABI (--abi)"
	try next 1 guest_demanding 0 "$(say 'built for 1.1, runs on 1.1' used)"
done
while read -r line; do
	[ -z "$line" ] || { number=$((number + 1)); echo "ok $number - # SKIP $line"; }
done <<END
${skipped-}
END
echo "1..$number"
[ -z "$failed" ]
