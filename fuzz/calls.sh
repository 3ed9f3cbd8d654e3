#!/bin/sh
# calls.sh POSTERN PROGRAM SECONDS [SEED [RUNS]] - lets keep run PROGRAM (calls.c) again and again, with another seed each
# time, for so many seconds; or as often as said. keep has to answer each call or to end the program: a crash of keep, an
# exit status that nobody gives, or a run that does not end, fails, and its seed is told.
set -u

[ $# -ge 3 ] || { echo "usage: fuzz/calls.sh POSTERN PROGRAM SECONDS [SEED [RUNS]]" >&2; exit 2; }
postern=$1
program=$2
seconds=$3
seed=${4:-1}
runs=${5:-1000000}
each=20000
end=$(($(date +%s) + seconds))
work=$(mktemp -d)
errors=$work/errors
trap 'chmod -R u+rwx "$work"; rm -rf "$work"' EXIT
done=0
ended=0
out_of_memory=0

# Its vCPUs and memory change with the seed, so that a seed says it all.
run_seed() {
	memory=64M
	[ $((seed % 4)) -eq 0 ] && memory=24M
	mkdir -p "$work/host"
	chmod u+rwx "$work/host"
	"$postern" run --memory "$memory" --cpus $((1 + seed % 3)) --timeout 120 --mount "$work/host:/host:rw" \
		-- "$program" "$seed" "$each" </dev/null >/dev/null 2>"$errors"
}

# Statuses: the program's own; a signal that a program without a handler dies of, except SIGABRT, which is keep's.
is_good() {
	[ "$1" -eq 0 ] || { [ "$1" -gt 128 ] && [ "$1" -le 192 ] && [ "$1" -ne 134 ]; }
}

while [ "$done" -lt "$runs" ] && [ "$(date +%s)" -lt "$end" ]; do
	run_seed
	status=$?
	if ! is_good "$status"; then
		echo "calls: status $status with seed $seed:" >&2
		cat "$errors" >&2
		echo "again: fuzz/calls.sh $postern $program 600 $seed 1" >&2
		exit 1
	fi
	[ "$status" -eq 0 ] || ended=$((ended + 1))
	grep -q "out of memory" "$errors" && out_of_memory=$((out_of_memory + 1))
	done=$((done + 1))
	seed=$((seed + 1))
done
[ "$done" -gt 0 ] || { echo "calls: nothing was run" >&2; exit 1; }
echo "calls: $done programs of $each calls; signals ended $ended, $out_of_memory of them for want of memory"
