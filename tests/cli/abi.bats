#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# `postern abi`: that it shows all of the contract, and how. CONTRACT is the JSON that gatec wrote.

# Lists of names are split into words on purpose, variables in a filter are those of jq, run sets stderr.
# shellcheck disable=SC2016,SC2046,SC2086,SC2116,SC2154

load common

# ---- the table ----

@test "the table has each call once, with its number, under its section" {
	table=$("$POSTERN" abi | sed 's/^-/ /' | awk '/^[a-z]+ \(/ { section = $1 }
		/^   0x/ { print section, $1, $2, $3, $4 }')
	expected=$(in_contract '.calls[] | "\(.section) \(.number) \(.name) \(.cost) \(.right)"' |
		while read -r section number rest; do printf '%s 0x%04x %s\n' "$section" "$number" "$rest"; done)
	equal "$table" "$expected"
}

@test "the table shows crossings and marks" {
	table=$("$POSTERN" abi)
	while IFS=$'\t' read -r name crossings async limited; do
		via=
		for way in trap batch ring; do
			if [[ " $crossings " == *" $way "* ]]; then via+=${way:0:1}; else via+=-; fi
		done
		marks=$([ "$async" = false ] || echo async; [ "$limited" = false ] || echo rate)
		# A summary starts with a capital letter, so it is no mark.
		found=$(grep -F "  $name  " <<<"$table" |
			sed 's/.*  \(always\|granted\)  *\([-tbr]*\)  *\([a-z ]*\) [A-Z].*/\2 \3/')
		equal "$name $(echo $found)" "$name $(echo $via $marks)"
	done < <(in_contract '.calls[] | [.name, (.crossings | join(" ")), .async, .rate_limited] | @tsv')
}

@test "the last line sums the contract up" {
	sums=$(in_contract '"\(.name) \(.version)\(if .draft then " (draft)" else "" end): " +
		"\(.calls | length) calls in \(.sections | length) sections, " +
		"\(.structs | length) structs, \(.enums | length) enums, " +
		"\(.flags | length) flags, \(.handles | length) handles; "')
	contains "$("$POSTERN" abi | tail -n 1)" "$sums"
}

@test "calls without a handler are marked, in the table, in the sum and on their pages" {
	unmarked=$("$POSTERN" abi | awk '$1 ~ /^0x/ { print $2 }')
	marked=$("$POSTERN" abi | awk '$1 == "-" && $2 ~ /^0x/ { print $3 }')
	contains "$("$POSTERN" abi | tail -n 1)" "; $(wc -w <<<"$unmarked") calls have a handler in this build"
	# The gate cannot do without these.
	contains "$unmarked" "abi.nop" "abi.query" "abi.probe"
	equal "$("$POSTERN" abi $unmarked | grep -c '^    Handler    in this build$')" "$(wc -w <<<"$unmarked")"
	equal "$("$POSTERN" abi $marked | grep -c '^    Handler    none in this build')" "$(wc -w <<<"$marked")"
}

@test "every service in service.h is known to have handlers" {
	unmarked=$("$POSTERN" abi | awk '$1 ~ /^0x/ { print " " $2 }')
	services=$(sed -n 's/^void service_\([a-z_]*\)(struct abi_handlers .*/\1/p' "$SERVICE_H")
	[ -n "$services" ]
	for service in $services; do
		contains "$unmarked" " $service."
	done
}

# Lines end with a whole word, so few are as long as they may be. The last line, the sum, is never broken.
@test "the table is cut to 100 columns in a pipe, or to COLUMNS" {
	"$POSTERN" abi | sed '$d' | longest_line_is 91 100
	COLUMNS=90 "$POSTERN" abi | sed '$d' | longest_line_is 81 90
	COLUMNS=90 "$POSTERN" abi file | longest_line_is 81 90
	COLUMNS=200 "$POSTERN" abi | sed '$d' | longest_line_is 120 200
	for nonsense in 0 -1 x 80x 99999999999999999999 ""; do
		equal "$(COLUMNS=$nonsense "$POSTERN" abi)" "$("$POSTERN" abi)"
	done
	contains "$("$POSTERN" abi)" "..."
}

@test "a width too small for summaries leaves the rest of the table" {
	for columns in 1 3 40 62 63 64 65; do
		rows=$(COLUMNS=$columns "$POSTERN" abi | grep -c '^.  0x[0-9a-f]\{4\}  ')
		equal "$columns: $rows" "$columns: $(in_contract '.calls | length')"
	done
}

@test "the table is cut to the terminal, or to COLUMNS" {
	on_terminal 77 "$POSTERN abi" | sed "\$d; s/\x1b\[[01]m//g" | longest_line_is 68 77
	on_terminal 77 "COLUMNS=90 $POSTERN abi" | sed "\$d; s/\x1b\[[01]m//g" | longest_line_is 81 90
}

# ---- pages ----

# Lines of a name and a part that its page must have, from a jq filter. Lines are joined first, since a part
# may have been wrapped; after a bracket there is no blank then.
pages_have()
{
	local name part page last="" parts
	parts=$(in_contract "$1"' | select(.[1] | . != null and . != "") | "\(.[0])\t\(.[1] | gsub("\\s+"; " "))"')
	[ -n "$parts" ]
	while IFS=$'\t' read -r name part; do
		[ "$name" = "$last" ] || page=$("$POSTERN" abi "$name" | tr -s ' \n' ' ' | sed 's/( /(/g')
		last=$name
		contains "$page" "$part"
	done <<<"$parts"
}

@test "each call has a page: signature, prototype, prose, properties" {
	pages_have '.calls[] | . as $call |
		(.args | map("\(.direction) \(.name) : \(.type)") | "call \($call.name)(" + join(", ") + ")"),
		.prototype + ";", .prose, .returns, (.crossings | join(", ")),
		"Right \(.right):", "Cost \(.cost):", "Since \(.since)" | [$call.name, .]'
}

@test "the page of a call has its arguments, with limits, and the types of these" {
	pages_have '.calls[] | .name as $call | .args[] |
		(.registers | join(",")) + " \(.direction) \(.name) : \(.type)", .prose, .limits,
		(.of // empty | "\(.) ") | [$call, .]'
}

@test "the page of a call has its errors in the order of their ranks" {
	while read -r call errors; do
		found=$("$POSTERN" abi "$call" | sed -n '/^ERRORS/,/^$/ s/^    \([A-Z0-9]\{1,\}\) .*/\1/p')
		equal "$call $(echo $found)" "$call $errors"
	done < <(in_contract '.calls[] | "\(.name) \(.errors | map(.name) | join(" "))"')
	pages_have '.calls[] | .name as $call | .errors[] | [$call, "\(.name) \(.prose // "")"]'
}

@test "the page of a call has the types that it uses, and those that they use, once" {
	page=$("$POSTERN" abi clock.read)
	equal "$(grep -c '^enum clock_id : u32$' <<<"$page")" 1
	equal "$(grep -c '^struct clock_info$' <<<"$page")" 1
	# file.info answers a struct that holds struct file_time and enum file_kind.
	page=$("$POSTERN" abi file.info)
	equal "$(grep -c '^struct file_time$' <<<"$page")" 1
	equal "$(grep -c '^enum file_kind' <<<"$page")" 1
}

@test "each type has a page with all of its members" {
	pages_have '.structs[] | .name as $name | "struct \($name) ", .prose, "\(.size) bytes",
		(.fields[] | "\(.offset) \(.name) : \(.type)", .prose, .limits) | [$name, .]'
	pages_have '.enums[] | .name as $name | "enum \($name) : ", .prose,
		(.members[] | "\(.name) = \(.value) ", .prose) | [$name, .]'
	pages_have '.flags[] | .name as $name | "flags \($name) : ", .prose,
		(.members[] | "\(.name) = 0x", .prose) | [$name, .]'
	pages_have '.handles[] | .name as $name | "handle \($name) ", .prose, "may have \(.max) ",
		(.rights[], .states[] | "\(.name) = ", .prose) | [$name, .]'
}

@test "each section has a page with its calls" {
	pages_have '.sections[] | [.name, "section \(.name) (0x"], [.name, .prose]'
	pages_have '.calls[] | [.section, " \(.name) "]'
}

@test "each profile has a page with its calls" {
	pages_have '.profiles[] | .name as $name | "profile \($name) ", .prose, .calls[] | [$name, .]'
}

@test "pages are wrapped at 80 columns, or less" {
	names=$(in_contract '(.calls, .structs, .enums, .flags, .handles, .profiles)[].name')
	# A section's name may be a handle's; its page has a table, which is wider.
	names=$(grep -vxF -f <(in_contract '.sections[].name') <<<"$names")
	"$POSTERN" abi $names | longest_line_is 75 80
	COLUMNS=200 "$POSTERN" abi $names | longest_line_is 75 80
	COLUMNS=60 "$POSTERN" abi $names | longest_line_is 55 60
}

@test "several names print one page after the other" {
	both=$("$POSTERN" abi clock.read entropy)
	equal "$both" "$("$POSTERN" abi clock.read)

$("$POSTERN" abi entropy)"
}

@test "a name that is a section's and a handle's shows both" {
	page=$("$POSTERN" abi vcpu)
	contains "$page" "section vcpu (0x" "handle vcpu"
}

# ---- JSON ----

@test "--json prints what gatec wrote, byte for byte" {
	"$POSTERN" abi --json | cmp - "$CONTRACT"
	"$POSTERN" abi --json | jq --exit-status '.calls | length > 0'
}

@test "--json with every name prints everything but the general prose" {
	names=$(in_contract '(.sections, .calls, .structs, .enums, .flags, .handles, .profiles)[].name')
	# A section comes with the handle of its name, so the order may be another.
	sorted='del(.prose) | map_values(if type == "array" then sort_by(.name) else . end)'
	equal "$("$POSTERN" abi --json $names | jq --sort-keys "$sorted")" "$(jq --sort-keys "$sorted" "$CONTRACT")"
}

@test "--json with a name prints only that" {
	run --separate-stderr "$POSTERN" abi --json clock.read
	equal "$status" 0
	equal "$(jq --compact-output --sort-keys '.calls' <<<"$output")" \
		"$(jq --compact-output --sort-keys '[.calls[] | select(.name == "clock.read")]' "$CONTRACT")"
	equal "$(jq '[.[] | arrays | length] | add' <<<"$output")" 1
}

@test "--json with a section prints its calls too, each once" {
	calls=$("$POSTERN" abi --json clock.read clock | jq -r '.calls[].name' | sort)
	equal "$calls" "$(in_contract '.calls[] | select(.section == "clock").name' | sort)"
}

@test "options may stand after names" {
	equal "$("$POSTERN" abi clock.read --json)" "$("$POSTERN" abi --json clock.read)"
}

# ---- errors ----

@test "an unknown name fails, and nothing is printed" {
	for option in "" --json; do
		run --separate-stderr "$POSTERN" abi $option clock.read frobnicate
		equal "$status" 1
		equal "$output" ""
		equal "$stderr" "postern abi: frobnicate: the contract has no such name; 'postern abi' lists the calls"
	done
}

@test "each unknown name is reported" {
	run --separate-stderr "$POSTERN" abi frobnicate clock.read qwertz
	equal "$status" 1
	equal "${#stderr_lines[@]}" 2
	contains "$stderr" "frobnicate" "qwertz"
}

@test "the nearest names are suggested for a typo" {
	for typo in clok.read clock.raed clock.rea clock.reead clock_read clockread CLOCK.READ; do
		run --separate-stderr "$POSTERN" abi "$typo"
		equal "$status" 1
		equal "$stderr" "postern abi: $typo: the contract has no such name; did you mean clock.read?"
	done
}

@test "letters that are swapped, or of the other case, are one mistake or none" {
	run --separate-stderr "$POSTERN" abi mv
	equal "$stderr" "postern abi: mv: the contract has no such name; did you mean vm?"
	run --separate-stderr "$POSTERN" abi VM
	equal "$stderr" "postern abi: VM: the contract has no such name; did you mean vm?"
}

@test "all names that are equally near are suggested" {
	run --separate-stderr "$POSTERN" abi vlock.read
	contains "$stderr" "; did you mean clock.read or block.read?"
}

@test "a part of a name suggests those that have it" {
	run --separate-stderr "$POSTERN" abi populate
	contains "$stderr" "did you mean memory.populate?"
	run --separate-stderr "$POSTERN" abi .scale
	contains "$stderr" "did you mean clock.scale?"
	run --separate-stderr "$POSTERN" abi .cancel_
	equal "$status" 1
}

@test "absurd names fail like any other" {
	long=$(printf 'x%.0s' {1..60000})
	for name in "" " " "$long" "$long.$long" $'\033[1m' "%s%n" "clock.read "; do
		run --separate-stderr "$POSTERN" abi "$name"
		equal "$status" 1
		equal "$output" ""
		contains "$stderr" "the contract has no such name"
	done
}

# ---- options and terminals ----

@test "abi --help prints its usage" {
	run --separate-stderr "$POSTERN" abi --help
	equal "$status" 0
	contains "$output" "usage: postern abi" "--json" "--help"
	equal "$stderr" ""
}

@test "there is no bold type in a pipe" {
	for name in "" clock clock.read; do
		run "$POSTERN" abi $name
		[[ $output != *$'\033'* ]]
	done
}

@test "headings are bold on a terminal" {
	contains "$(on_terminal 80 "$POSTERN abi")" $'\033[1mclock\033[0m'
	contains "$(on_terminal 80 "$POSTERN abi clock.read")" $'\033[1mRETURNS\033[0m'
}

@test "NO_COLOR and TERM=dumb keep bold type away" {
	for setting in NO_COLOR=1 NO_COLOR=0 TERM=dumb TERM=; do
		output=$(on_terminal 80 "$setting $POSTERN abi clock.read")
		contains "$output" "RETURNS"
		[[ $output != *$'\033'* ]]
	done
	contains "$(on_terminal 80 "NO_COLOR= $POSTERN abi clock.read")" $'\033[1m'
}
