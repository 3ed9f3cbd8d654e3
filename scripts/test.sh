#!/bin/sh
# test.sh BUILD [ARGUMENT...] - runs `meson test` on a build that is up to date, with further
# arguments passed on, and ends with the line `N passed, N failed, N skipped`.
set -eu

[ $# -gt 0 ] || { echo "usage: scripts/test.sh BUILD [ARGUMENT...]" >&2; exit 2; }
build=$1
shift
log=$build/meson-logs/testlog.json

# Left from an earlier run, it would be counted again if Meson finds no test to run.
rm -f "$log"

status=0
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$(nproc)" "$@" || status=1
"$(dirname "$0")/summary.py" "$log" || status=1
exit "$status"
