#!/bin/sh
# SPDX-License-Identifier: ISC
# valid.sh GATEC - each contract in valid/ looks odd and is right: gatec must accept it without a word, write
# everything for it, and find its own lock and its own next version right as well. Answers TAP.
set -eu

[ $# -eq 1 ] || { echo "usage: valid.sh GATEC" >&2; exit 2; }
gatec=$1
here=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tests=0
failures=0

# Prints what is wrong with a command: that it fails, or that it says anything.
try() {
	status=0
	"$@" >/dev/null 2>"$scratch/said" || status=$?
	if [ "$status" -ne 0 ] || [ -s "$scratch/said" ]; then
		echo "status $status: $*"
		cat "$scratch/said"
	fi
}

# Prints what is wrong with the contract.
faults() {
	for kind in header stubs host-header host trace fuzz json markdown man; do
		try "$gatec" emit "$kind" "$1" -o "$scratch/output"
	done
	try "$gatec" emit lock "$1" -o "$scratch/lock"
	try "$gatec" emit lock "$scratch/lock" -o "$scratch/lock-of-lock"
	try cmp "$scratch/lock" "$scratch/lock-of-lock"
	try "$gatec" emit next "$1" -o "$scratch/next"
	try "$gatec" emit next "$scratch/next" -o "$scratch/next-but-one"
	try "$gatec" check "$1" "$scratch/lock"
	try "$gatec" check "$scratch/lock" "$1"
	try "$gatec" check "$scratch/lock" "$scratch/next"
	try "$gatec" check "$1" "$scratch/next-but-one"
}

for file in "$here"/valid/*.abi; do
	name=$(basename "$file" .abi)
	tests=$((tests + 1))
	faults "$file" >"$scratch/faults"
	if [ -s "$scratch/faults" ]; then
		sed 's/^/# /' "$scratch/faults"
		echo "not ok $tests - $name"
		failures=$((failures + 1))
	else
		echo "ok $tests - $name"
	fi
done
echo "1..$tests"
[ "$failures" -eq 0 ]
