#!/bin/sh
# released.sh GATEC ABI-FOLDER - the contract must be compatible with every released one; TAP.
set -eu

gatec=$1
abi=$2
count=0
failed=0

for lock in "$abi"/released/*.lock; do
	[ -e "$lock" ] || continue
	count=$((count + 1))
	if "$gatec" check "$lock" "$abi/postern.abi" >&2; then
		echo "ok $count - compatible with $(basename "$lock" .lock)"
	else
		echo "not ok $count - compatible with $(basename "$lock" .lock)"
		failed=1
	fi
done

# While nothing is released, it is still to be seen that the contract is accepted as its own successor.
if [ "$count" -eq 0 ]; then
	count=1
	if "$gatec" check "$abi/postern.abi" "$abi/postern.abi" >&2; then
		echo "ok 1 - nothing is released yet; the contract is compatible with itself"
	else
		echo "not ok 1 - nothing is released yet; the contract is compatible with itself"
		failed=1
	fi
fi
echo "1..$count"
exit "$failed"
