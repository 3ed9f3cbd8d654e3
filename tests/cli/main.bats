#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The command line of postern(1) as a whole: its options, its errors, and what becomes of its output.

# run sets stderr.
# shellcheck disable=SC2154

load common

@test "--version prints the version of the build" {
	run --separate-stderr "$POSTERN" --version
	equal "$status $output" "0 postern $VERSION"
	equal "$stderr" ""
}

@test "--help lists each command on standard output" {
	run --separate-stderr "$POSTERN" --help
	equal "$status" 0
	contains "$output" "usage: postern" "  abi " "--help" "--version"
	equal "$stderr" ""
}

@test "no command is a wrong command line" {
	run --separate-stderr "$POSTERN"
	equal "$status" 2
	equal "$output" ""
	contains "$stderr" "usage: postern"
}

@test "an unknown command is a wrong command line, and the nearest is suggested" {
	run --separate-stderr "$POSTERN" ab
	equal "$status" 2
	equal "$output" ""
	equal "$stderr" "postern: ab: no such command; did you mean abi?"
}

@test "an unknown command that is near to none is told where to look" {
	run --separate-stderr "$POSTERN" frobnicate
	equal "$status" 2
	equal "$stderr" "postern: frobnicate: no such command; 'postern --help' lists them"
}

@test "an unknown option is a wrong command line, before a command and after it" {
	for words in "--frob" "-x" "--frob abi" "--version=1" "abi --frob" "abi -x" "abi --json=1" \
		"abi clock.read --frob"; do
		# shellcheck disable=SC2086
		run --separate-stderr "$POSTERN" $words
		equal "$words: $status" "$words: 2"
		equal "$output" ""
		contains "$stderr" "--help' tells what it takes"
	done
}

@test "messages start with the command, however the program was called" {
	ln -s "$POSTERN" "$BATS_TEST_TMPDIR/another-name"
	run --separate-stderr "$BATS_TEST_TMPDIR/another-name" --frob
	contains "$stderr" "postern: unrecognized option '--frob'"
	run --separate-stderr "$BATS_TEST_TMPDIR/another-name" abi --frob
	contains "$stderr" "postern abi: unrecognized option '--frob'"
}

@test "output that cannot be written is reported" {
	for words in "--help" "--version" "abi" "abi --help" "abi --json" "abi clock.read" \
		"abi --json clock.read"; do
		# shellcheck disable=SC2016
		run sh -c '"$POSTERN" $1 2>&1 >/dev/full' sh "$words"
		equal "$words: $status" "$words: 1"
		equal "$output" "postern: standard output: cannot write: No space left on device"
	done
}

@test "a closed standard output is reported" {
	# shellcheck disable=SC2016
	run sh -c '"$POSTERN" abi 2>&1 >&-'
	equal "$status" 1
	equal "$output" "postern: standard output: cannot write: Bad file descriptor"
}

# The JSON is larger than a pipe, so the program still writes when the reader has gone.
@test "a broken pipe is reported" {
	"$POSTERN" abi --json 2>"$BATS_TEST_TMPDIR/errors" | true && results=("${PIPESTATUS[@]}")
	equal "${results[0]}" 1
	equal "$(<"$BATS_TEST_TMPDIR/errors")" "postern: standard output: cannot write: Broken pipe"
}

@test "the manual pages have every command and option that --help has" {
	manual=$(cat "${MAN_PAGE%.1.scd}"*.1.scd)
	options=$("$POSTERN" --help | grep -o -e '--[a-z-]*' | sort -u)
	commands=$("$POSTERN" --help | sed -n '/^commands:/,/^$/ s/^  \([a-z]*\) .*/\1/p')
	[ -n "$commands" ]
	for command in $commands; do
		contains "$manual" "*postern* *$command*"
		options+=" $("$POSTERN" "$command" --help | grep -o -e '--[a-z-]*' | sort -u)"
	done
	for option in $options; do
		contains "$manual" "*$option*"
	done
}

# What bash would offer for a command line of some words, of which the last is not complete.
complete_words()
{
	# shellcheck disable=SC2016
	bash -c '. "$COMPLETION"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_postern "$POSTERN"; echo "${COMPREPLY[*]}"' bash "$@"
}

@test "completion offers commands, their options and the names in the contract" {
	equal "$(complete_words postern a)" "abi"
	equal "$(complete_words postern --v)" "--version"
	equal "$(complete_words postern abi --)" "--json --help"
	equal "$(complete_words postern abi clock_s)" "clock_scale_flags clock_scale"
	equal "$(complete_words postern abi --json clock.r)" "clock.read"
	equal "$(complete_words postern frobnicate '')" ""
}
