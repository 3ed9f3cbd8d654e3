#!/bin/sh
# SPDX-License-Identifier: ISC
# golden.sh GATEC [--update [KIND...]] - compares everything that gatec writes for golden/small.abi with the
# files golden/small.KIND, and checks that what it writes in the contract's own language is a contract.
# Answers TAP. With --update it writes the files anew instead: look at the difference, then commit it.
set -u

gatec=${1:?usage: golden.sh GATEC [--update [KIND...]]}
shift
golden=$(dirname "$0")/golden
source=$golden/small.abi
kinds='header stubs host-header host trace fuzz json markdown man lock next'

if [ "${1-}" = --update ]; then
    shift
    # shellcheck disable=SC2086 # a list of words
    [ $# -gt 0 ] || set -- $kinds
    for kind in "$@"; do
        "$gatec" emit "$kind" "$source" -o "$golden/small.$kind" || exit 1
    done
    exit 0
fi

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
tests=0
failures=0

# result STATUS NAME: one line of TAP, after what was found, in the file found, as a diagnostic.
result() {
    tests=$((tests + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tests - $2"
    else
        sed 's/^/# /' "$scratch/found"
        echo "not ok $tests - $2"
        failures=$((failures + 1))
    fi
}

# try NAME COMMAND...: the command is to succeed.
try() {
    name=$1
    shift
    "$@" >"$scratch/found" 2>&1
    result $? "$name"
}

# try_with TOOL NAME COMMAND...: the same, or a skipped test where there is no such tool.
try_with() {
    tool=$1
    shift
    if command -v "$tool" >/dev/null; then
        try "$@"
    else
        tests=$((tests + 1))
        echo "ok $tests - $1 # SKIP no $tool here"
    fi
}

same_output() {
    "$gatec" emit "$1" "$source" >"$scratch/small.$1" && diff -u "$golden/small.$1" "$scratch/small.$1"
}

# The lock of a contract is that of the source.
same_lock() {
    "$gatec" emit lock "$1" >"$scratch/other.lock" && diff -u "$scratch/small.lock" "$scratch/other.lock"
}

is_refused() {
    ! "$gatec" check "$1" "$2"
}

# An empty answer is a clean page. That the page has no date is meant.
lint_with_mandoc() {
    mandoc -T lint "$1" | grep -v 'missing date' >"$scratch/lint"
    cat "$scratch/lint"
    ! [ -s "$scratch/lint" ]
}

lint_with_man() {
    man --warnings -l "$1" 2>"$scratch/lint" >/dev/null
    cat "$scratch/lint"
    ! [ -s "$scratch/lint" ]
}

for kind in $kinds; do
    try "emit $kind" same_output "$kind"
done

# shellcheck disable=SC2016 # $ is sed's last line
sed '/^enum/,/^}/{H;d}
    /^struct tool_info/,/^}/{H;d}
    /^call tool.scan/,/^}/{H;d}
    $G' "$source" >"$scratch/reordered.abi"
"$gatec" emit next "$scratch/small.next" >"$scratch/later.abi"

try 'the lock of a lock is the lock' same_lock "$scratch/small.lock"
try 'the lock does not depend on the order of declarations' same_lock "$scratch/reordered.abi"
try 'the next version is compatible' "$gatec" check "$source" "$scratch/small.next"
try 'the next version is compatible with the lock' "$gatec" check "$scratch/small.lock" "$scratch/small.next"
try 'the next version has a next version' "$gatec" check "$scratch/small.next" "$scratch/later.abi"
try 'the version before is not compatible with the next' is_refused "$scratch/small.next" "$source"
try_with jq 'the JSON is JSON' jq -e .name "$scratch/small.json"
try_with man 'man(1) has no warnings' lint_with_man "$scratch/small.man"
try_with mandoc 'mandoc has no warnings' lint_with_mandoc "$scratch/small.man"
echo "1..$tests"
[ "$failures" -eq 0 ]
