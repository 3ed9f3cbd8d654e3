#!/bin/sh
# SPDX-License-Identifier: ISC
# malformed.sh GATEC - each contract in malformed/ has faults, and a comment `# error: MESSAGE` at the end
# of each line where gatec must report one; where no comment can stand, NAME.expected lists `LINE: MESSAGE`.
# gatec must report just these, write nothing, and end with status 1. Answers TAP.
set -eu

[ $# -eq 1 ] || { echo "usage: malformed.sh GATEC" >&2; exit 2; }
gatec=$1
LC_ALL=C
export LC_ALL
here=$(dirname "$0")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tests=0
failures=0

# Prints `LINE: MESSAGE` for each error that the contract announces. A line may have several.
announced() {
	if [ -f "${1%.abi}.expected" ]; then
		cat "${1%.abi}.expected"
	else
		awk '{
			count = split($0, part, " *# error: ")
			for (i = 2; i <= count; i++)
				print NR ": " part[i]
		}' "$1"
	fi
}

# Prints the errors that gatec reports in the same form, and everything that should not be as it is.
reported() {
	status=0
	"$gatec" emit lock "$1" >"$scratch/output" 2>"$scratch/errors" || status=$?
	sed "s|^$1:\([0-9]*\):[1-9][0-9]*: error: |\1: |" "$scratch/errors"
	[ "$status" -eq 1 ] || echo "status $status"
	[ ! -s "$scratch/output" ] || echo "an output"
}

for file in "$here"/malformed/*.abi; do
	name=$(basename "$file" .abi)
	tests=$((tests + 1))
	announced "$file" >"$scratch/expected"
	[ -s "$scratch/expected" ] || echo "nothing announced" >"$scratch/expected"
	reported "$file" >"$scratch/found"
	if diff -u "$scratch/expected" "$scratch/found" >"$scratch/difference"; then
		echo "ok $tests - $name"
	else
		sed "1,2d; s/^/# /" "$scratch/difference"
		echo "not ok $tests - $name"
		failures=$((failures + 1))
	fi
done
echo "1..$tests"
[ "$failures" -eq 0 ]
