#!/bin/sh
# SPDX-License-Identifier: ISC
# generated.sh GATEC - what gatec writes is C that compilers have nothing to say about: for abi/postern.abi,
# its next version, and every odd contract that the other tests have; for gcc and clang, for guests without
# a C library, and for C++. Answers TAP; what needs a tool that is missing is skipped.
set -eu

[ $# -eq 1 ] || { echo "usage: generated.sh GATEC" >&2; exit 2; }
gatec=$1
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tests=0
failures=0

warnings='-Wall -Wextra -Wshadow -Wundef -Wmissing-prototypes -Wtype-limits -Wswitch-enum -Wformat=2 -Wconversion
	-Wimplicit-fallthrough -Wvla -Wno-missing-field-initializers -Werror'

# try NAME COMMAND...: one test; the command is to succeed and to say nothing.
try() {
	title=$1
	shift
	tests=$((tests + 1))
	if "$@" >"$scratch/said" 2>&1 && [ ! -s "$scratch/said" ]; then
		echo "ok $tests - $title"
	else
		head -n 50 "$scratch/said" | sed 's/^/# /'
		echo "not ok $tests - $title"
		failures=$((failures + 1))
	fi
}

# try_with TOOL NAME COMMAND...: the same, skipped where there is no such tool.
try_with() {
	if command -v "$1" >/dev/null; then
		shift
		try "$@"
	else
		tests=$((tests + 1))
		echo "ok $tests - $2 # SKIP no $1 here"
	fi
}

# The files of one contract, where their users expect them, and a guest's crossing that does nothing.
generate() {
	mkdir -p "$2/postern"
	"$gatec" emit header "$1" -o "$2/postern/abi.h"
	"$gatec" emit stubs "$1" -o "$2/postern/stubs.h"
	"$gatec" emit host-header "$1" -o "$2/abi_host.h"
	"$gatec" emit host "$1" -o "$2/abi_host.c"
	"$gatec" emit trace "$1" -o "$2/abi_trace.c"
	"$gatec" emit fuzz "$1" -o "$2/abi_fuzz.c"
	cat >"$2/postern/crossing.h" <<'END'
#ifndef POSTERN_CROSSING_H
#define POSTERN_CROSSING_H

#include <stdint.h>

static inline int64_t postern_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
	uint64_t e, uint64_t f)
{
	return (int64_t)(number + (a | b | c | d | e | f));
}

static inline uint64_t postern_address(const void *object)
{
	return (uint64_t)(uintptr_t)object;
}

#endif
END
	printf '#include <postern/abi.h>\n#include <postern/abi.h>\n' >"$2/header.c"
	printf '#include <postern/stubs.h>\n#include <postern/stubs.h>\n' >"$2/guest.c"
}

# The gate's own headers name structs of abi/postern.abi, which other contracts do not have.
grep -h -o 'struct postern_[a-z_]*' "$root"/hypervisor/gate/*.h | sort -u | sed 's/$/;/' >"$scratch/structs.h"

# compile COMPILER FOLDER FILE...: as the host is compiled.
compile() {
	compiler=$1
	folder=$2
	shift 2
	for file; do
		# shellcheck disable=SC2086 # a list of options
		"$compiler" -std=gnu17 -D_GNU_SOURCE -O2 $warnings -I"$folder" -I"$root/hypervisor" -I"$root/fuzz" \
			-include "$scratch/structs.h" -c "$folder/$file" -o "$folder/object.o"
	done
}

# compile_bare COMPILER FOLDER FILE...: as a guest without a C library is compiled, and strictly.
compile_bare() {
	compiler=$1
	folder=$2
	shift 2
	for file; do
		# shellcheck disable=SC2086 # a list of options
		"$compiler" -std=c17 -pedantic -ffreestanding -nostdinc $warnings \
			-isystem "$("$compiler" -print-file-name=include)" -I"$folder" -fsyntax-only "$folder/$file"
	done
}

compile_cpp() {
	"$1" -std=c++17 -pedantic -Wall -Wextra -Wshadow -Wundef -Wconversion -Werror -I"$2" -fsyntax-only \
		-x c++ "$2/header.c"
}

# No line is so wide that nobody can read it. trace's tables are for machines.
is_narrow() {
	for file in postern/abi.h postern/stubs.h abi_host.h abi_host.c abi_fuzz.c; do
		expand "$1/$file" | awk -v file="$file" 'length > 110 { print file ":" NR ": " $0 }'
	done
}

# clang-tidy counts on standard error what it has suppressed.
tidy() {
	clang-tidy --quiet --config-file="$root/.clang-tidy" "$1/abi_host.c" "$1/abi_trace.c" "$1/abi_fuzz.c" -- \
		-std=gnu17 -D_GNU_SOURCE -Wall -Wextra -I"$1" -I"$root/hypervisor" -I"$root/fuzz" -include "$scratch/structs.h" \
		2>"$scratch/counts" ||
		cat "$scratch/counts"
}

# check CONTRACT: all that is asked of one contract's files; name and files are its name and where they are.
check() {
	name=$(basename "$1" .abi)
	files=$scratch/$name
	try "$name: write" generate "$1" "$files"
	for cc in gcc clang; do
		try_with $cc "$name: $cc: host" compile $cc "$files" abi_host.c abi_trace.c abi_fuzz.c
		try_with $cc "$name: $cc: guest" compile $cc "$files" header.c guest.c
		try_with $cc "$name: $cc: bare guest" compile_bare $cc "$files" header.c guest.c
	done
	for cxx in g++ clang++; do
		try_with $cxx "$name: $cxx: header" compile_cpp $cxx "$files"
	done
}

"$gatec" emit next "$root/abi/postern.abi" -o "$scratch/next.abi"
"$gatec" emit next "$here/valid/growth.abi" -o "$scratch/growth-next.abi"

for contract in "$root/abi/postern.abi" "$scratch/next.abi" "$here/valid/growth.abi" \
	"$here/valid/parameters.abi"; do
	check "$contract"
	try "$name: width" is_narrow "$files"
	try_with clang-tidy "$name: clang-tidy" tidy "$files"
done
for contract in "$here"/golden/small.abi "$here"/valid/*.abi "$scratch/growth-next.abi"; do
	case $contract in
	*/growth.abi | */parameters.abi) ;;
	*) check "$contract" ;;
	esac
done
echo "1..$tests"
[ "$failures" -eq 0 ]
