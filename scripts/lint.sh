#!/bin/sh
# lint.sh BUILD - everything that is judged without running it. BUILD is a build directory, up to
# date, named from the repository's root. Runs every check, whatever the others said, and ends with
# `N passed, N failed, N skipped`, counted in checks.
set -eu

[ $# -eq 1 ] || { echo "usage: scripts/lint.sh BUILD" >&2; exit 2; }
build=$1
cd "$(dirname "$0")/.."

passed=0
failed=0

check() {
	name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "lint: $name: OK"
	else
		failed=$((failed + 1))
		echo "lint: $name: FAILED"
	fi
}

# SC2015 warns of `a && b || c`, where c would also run if b failed: here c stops the script.
shell_scripts() {
	find scripts fuzz tests -type f -name '*.sh' -exec shellcheck --exclude=SC2015 .ci/run {} +
}

# Sources in the compilation database that are ours or that gatec wrote, one a line.
sources() {
	python3 - "$build" <<'END'
import json, os, sys

build, root = os.path.abspath(sys.argv[1]), os.getcwd()
folders = [os.path.join(root, name, "") for name in ("cli", "hypervisor", "tools")]
folders.append(os.path.join(build, "abi", ""))
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as database:
	files = {os.path.normpath(os.path.join(c["directory"], c["file"])) for c in json.load(database)}
print(*sorted(f for f in files if f.endswith(".c") and f.startswith(tuple(folders))), sep="\n")
END
}

# clang-tidy counts on standard error what it suppressed, so the output is shown only on failure.
# Warning options of gcc that clang does not know are no finding.
tidy() {
	files=$(sources) || return 1
	# shellcheck disable=SC2016
	printf '%s\n' "$files" | xargs -d '\n' -P "$(nproc)" -n 1 sh -c '
		out=$(clang-tidy -p "$0" --quiet --extra-arg=-Wno-unknown-warning-option "$1" 2>&1) || {
			printf "%s\n" "$out"
			exit 1
		}' "$build"
}

# man's exit status says nothing of groff's warnings: a page is good if man has nothing to say.
man_pages() {
	# shellcheck disable=SC2016
	find "$build" -name 'meson-*' -prune -o -type f -name '*.[1-8]' -print0 | xargs -0 -r -n 1 sh -c '
		out=$(LC_ALL=C.UTF-8 MANROFFSEQ="" MANWIDTH=80 \
			man --warnings -E UTF-8 -l -Tutf8 -Z "$0" 2>&1 >/dev/null) && [ -z "$out" ] || {
			printf "%s: %s\n" "$0" "$out"
			exit 1
		}'
}

check "clang-format" scripts/format.sh --check
check "headers" scripts/check-headers.sh "$build"
check "clang-tidy" tidy
check "man pages" man_pages
check "shellcheck" shell_scripts

echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
