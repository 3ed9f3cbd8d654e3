#!/bin/sh
# format.sh [--check] - lays out the project's C as .clang-format says; with --check, only says
# where it differs. Golden outputs under tests/ are what gatec writes, so they are left alone.
set -eu

case ${1-} in
'') set -- -i ;;
--check) set -- --dry-run -Werror ;;
*) echo "usage: scripts/format.sh [--check]" >&2; exit 2 ;;
esac

cd "$(dirname "$0")/.."
find . \( -path ./.git -o -path './build*' -o -path '*/golden' \) -prune -o \
	-type f -name '*.[ch]' -print0 | xargs -0 -r clang-format --style=file "$@"
