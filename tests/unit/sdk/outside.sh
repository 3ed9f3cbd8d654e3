#!/bin/sh
# outside.sh BUILD SOURCE... - builds each source, a guest, with libguest as found in the build directory, by
# the one command that the SDK's manual gives, outside the tree and with each compiler that there is; and
# looks at the image. Says in TAP how that went.
set -eu

build=$(cd "$1" && pwd)
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
PKG_CONFIG_PATH=$build/guest/sdk
export PKG_CONFIG_PATH

number=0
report() {
	number=$((number + 1))
	echo "$1 $number - $2"
}

compile() {
	# shellcheck disable=SC2046
	$1 $(pkg-config --cflags postern-guest) "$2" $(pkg-config --libs postern-guest) -o "$folder/image"
}

# A static PIE with Postern's note and its symbols, which asks for nothing from outside and writes to no code.
is_image() {
	readelf -hlW "$folder/image" >"$folder/headers" 2>&1 &&
	readelf -nW "$folder/image" >"$folder/notes" 2>&1 &&
	readelf -rsW "$folder/image" >"$folder/symbols" 2>&1 &&
	grep -q 'Type: *DYN' "$folder/headers" &&
	! grep -q 'INTERP\|RWE' "$folder/headers" &&
	grep -q '^  Postern ' "$folder/notes" &&
	! grep -qi 'warning' "$folder/notes" &&
	grep -q ' FUNC .* main$' "$folder/symbols" &&
	! grep ' R_X86_64_' "$folder/symbols" | grep -qv R_X86_64_RELATIVE
}

for compiler in cc gcc clang; do
	command -v "$compiler" >/dev/null || continue
	for options in '' -O2; do
		for source; do
			name="$compiler${options:+ }$options $(basename "$source")"
			# shellcheck disable=SC2086
			if compile "$compiler $options -Wall -Wextra -Werror" "$source" && is_image; then
				report ok "$name"
			else
				report 'not ok' "$name"
			fi
		done
	done
done
echo "1..$number"
