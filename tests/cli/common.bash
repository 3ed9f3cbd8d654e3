# SPDX-License-Identifier: ISC
# What the tests of postern(1) share. meson.build sets POSTERN, the program, and what else they read.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

# Whoever runs the tests may have set these for a terminal of their own.
setup()
{
	unset COLUMNS NO_COLOR
	export TERM=xterm
}

# Fails, saying which of two texts was expected.
equal()
{
	[ "$1" = "$2" ] || { printf 'is:       %s\nexpected: %s\n' "$1" "$2"; return 1; }
}

# Fails unless a text has each of some parts.
contains()
{
	local text=$1 part
	shift
	for part; do
		[[ $text == *"$part"* ]] || { printf 'lacks "%s":\n%s\n' "$part" "$text"; return 1; }
	done
}

# Waits until a text is in a file, which a process that still runs writes.
wait_for()
{
	until grep -qs "$1" "$2"; do
		kill -0 "$3" || { printf '"%s" is not in:\n' "$1"; cat "$2"; return 1; }
		sleep 0.01
	done
}

# Runs a shell command on a terminal of its own, which has some columns.
on_terminal()
{
	command -v script >/dev/null || skip "needs script(1), to have a terminal"
	script --quiet --return --command "stty cols $1 -onlcr; $2" /dev/null </dev/null
}

# Fails unless the longest of the lines on standard input has from $1 to $2 characters.
longest_line_is()
{
	local longest
	longest=$(LC_ALL=C.UTF-8 wc -L)
	if [ "$longest" -lt "$1" ] || [ "$longest" -gt "$2" ]; then
		printf 'longest line: %s, expected: %s to %s\n' "$longest" "$1" "$2"
		return 1
	fi
}

# The strings that a jq filter finds in the contract.
in_contract()
{
	jq -r "$1" "$CONTRACT"
}

# The engine that a VM has here if none is named.
engine()
{
	"$POSTERN" doctor --json | jq -r '[.engines[] | select(.available).name][0]'
}
