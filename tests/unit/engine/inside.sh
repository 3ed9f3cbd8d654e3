#!/bin/sh
# inside.sh ARCHIVE SECTION - code that is copied into a guest must not refer to anything that stays behind: constants
# that a compiler keeps in memory, functions that it calls by itself. Says in TAP what refers to what.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM

# What is defined in the section, and the section itself.
objdump -t "$1" | awk -v section="$2" '$0 ~ "[ \t]" section "[ \t]" { print $NF }' | sort -u >"$folder/there"
objdump -r -j "$2" "$1" | sed -n 's/^[0-9a-f]* R_[A-Z0-9_]* *\([^-+]*\).*/\1/p' | sort -u >"$folder/meant"

echo 1..1
if [ -s "$folder/there" ] && [ -s "$folder/meant" ] && ! comm -13 "$folder/there" "$folder/meant" | grep . >"$folder/lost"; then
	echo "ok 1 - $2 refers to nothing else"
else
	echo "not ok 1 - $2 refers to nothing else"
	if [ -e "$folder/lost" ]; then sed "s/^/# /" "$folder/lost"; fi
fi
