#!/bin/sh
# SPDX-License-Identifier: ISC
# run.sh GATEC - does what cases.txt says: base.abi against each change of it, with `gatec check`. Every
# case is checked source against source, lock against source and lock against lock. Answers TAP.
set -u

gatec=${1:?usage: run.sh GATEC}
here=$(dirname "$0")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
tests=0
failures=0

# Reads diagnostics and leaves out the place, which differs between a source and its lock.
without_places() {
    sed 's/^[^:]*:[0-9]*:[0-9]*: //' | sort
}

# compare WHAT: fails, with a diff as TAP's diagnostic, unless the files expected and found are the same.
compare() {
    diff -u "$scratch/expected" "$scratch/found" >"$scratch/diff" && return
    problem="$problem $1"
    sed 's/^/# /' "$scratch/diff"
}

# check OLD NEW STATUS: runs gatec, which is to end with the status; what it says is in the file found.
check() {
    "$gatec" check "$1" "$2" >"$scratch/found" 2>&1
    status=$?
    [ "$status" -eq "$3" ] || problem="$problem status-$status-not-$3"
    sed -i "s|^$2:|new:|" "$scratch/found"
}

# Runs the case in $kind, $name, the file edits and the file expected.
run_case() {
    new=$scratch/new.abi
    problem=
    wanted=0
    [ "$kind" = refuse ] && wanted=1
    sed 's/^abi test 1\.1/abi test 1.2/' "$here/base.abi" >"$scratch/plain"
    sed -f "$scratch/edits" "$scratch/plain" >"$new" || problem=' edit'
    if [ -s "$scratch/edits" ] && cmp -s "$scratch/plain" "$new"; then
        problem="$problem edit-without-effect"
    fi
    if ! "$gatec" emit lock "$new" >"$scratch/new.lock" 2>"$scratch/found"; then
        problem="$problem not-a-contract"
        sed 's/^/# /' "$scratch/found"
    fi
    if [ "$kind" = refuse ] && ! [ -s "$scratch/expected" ]; then
        problem="$problem nothing-expected"
    fi

    check "$here/base.abi" "$new" "$wanted"
    compare source-source
    check "$scratch/base.lock" "$new" "$wanted"
    compare lock-source
    check "$scratch/base.lock" "$scratch/new.lock" "$wanted"
    without_places <"$scratch/found" >"$scratch/messages" && mv "$scratch/messages" "$scratch/found"
    without_places <"$scratch/expected" >"$scratch/messages" && mv "$scratch/messages" "$scratch/expected"
    compare lock-lock

    tests=$((tests + 1))
    if [ -z "$problem" ]; then
        echo "ok $tests - $kind $name"
    else
        echo "not ok $tests - $kind $name:$problem"
        failures=$((failures + 1))
    fi
}

start_case() {
    [ -n "${name-}" ] && run_case
    kind=${1-}
    name=${2-}
    : >"$scratch/edits"
    : >"$scratch/expected"
}

"$gatec" emit lock "$here/base.abi" >"$scratch/base.lock" || exit 1
while IFS= read -r line; do
    case $line in
    'allow '* | 'refuse '*) start_case "${line%% *}" "${line#* }" ;;
    '    s'* | '    /'* | '    $'*) printf '%s\n' "${line#    }" >>"$scratch/edits" ;;
    '    '[0-9]*) printf 'new:%s\n' "${line#    }" | sed 's/: /: error: /' >>"$scratch/expected" ;;
    '' | '#'*) ;;
    *)
        echo "Bail out! cases.txt: what is '$line'?"
        exit 1
        ;;
    esac
done <"$here/cases.txt"
start_case
echo "1..$tests"
[ "$failures" -eq 0 ]
