#!/bin/sh
# check-headers.sh BUILD - compiles every header alone, the generated ones in BUILD too, so that
# none relies on what its users happen to include before it. BUILD is a build directory, up to date,
# named from the repository's root.
set -eu

[ $# -eq 1 ] || { echo "usage: scripts/check-headers.sh BUILD" >&2; exit 2; }
build=$1
cd "$(dirname "$0")/.."

generated() {
	find "$build" -name 'meson-*' -prune -o -type f -name '*.h' -print
}

own() {
	for folder in cli include hypervisor tools; do
		[ ! -d "$folder" ] || find "$folder" -type f -name '*.h'
	done
}

# Generated headers are included by their name, or as <postern/...> where they stand in postern/.
flags="-Ihypervisor -Iinclude"
for folder in $(generated | xargs -r -n 1 dirname | sort -u); do
	flags="$flags -I${folder%/postern}"
done

checked=0
failed=0
for header in $(own) $(generated); do
	checked=$((checked + 1))
	# What it includes stands first beside itself: a build can hold two contracts.
	beside=$(dirname "$header")
	# shellcheck disable=SC2086
	${CC:-cc} -std=gnu17 -D_GNU_SOURCE -Wall -Werror -fsyntax-only "-I${beside%/postern}" $flags -x c "$header" || {
		echo "$header: does not compile alone" >&2
		failed=$((failed + 1))
	}
done
echo "$checked headers compiled alone, $failed failed"
[ "$failed" -eq 0 ]
