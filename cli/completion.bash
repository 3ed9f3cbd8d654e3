# SPDX-License-Identifier: ISC
# Completion of postern(1) in bash. The program itself says what there is: its commands, their options,
# and the names in the contract, which in the JSON of gatec are those at the third level.
# shellcheck shell=bash

_postern()
{
	local program=$1 word=${COMP_WORDS[COMP_CWORD]} choices

	if [ "$COMP_CWORD" -eq 1 ]; then
		choices=$("$program" --help | sed -n 's/^  \(-*[a-z]\{1,\}\) .*/\1/p')
	elif [[ $word == -* ]]; then
		choices=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
	elif [ "${COMP_WORDS[1]}" = abi ]; then
		choices=$("$program" abi --json | sed -n $'s/^\t\t\t"name": "\\([^"]*\\)".*/\\1/p')
	fi
	mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}

complete -F _postern postern
