#!/bin/sh
# run.sh [WORK_DIR]: checks the ring's wake-up protocol, ring.pml, with spin.
# The protocol and its allowed variants must hold; each broken variant must fail in the
# way it is expected to. One line for each check. With WORK_DIR, the files stay there.
# Exits 77 if spin is missing.
set -eu

model=$(cd "$(dirname "$0")" && pwd)/ring.pml
depth=100000

command -v spin >/dev/null || { echo "skipped: no spin here (Debian package spin)"; exit 77; }

if [ $# -gt 0 ]; then
	mkdir -p "$1"
	work=$(cd "$1" && pwd)
	advice="see $work"
else
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	advice="for the trail: $0 WORK_DIR"
fi

# build NAME VARIANT OPTION...: makes $work/NAME/pan; the options are for the C compiler.
build() {
	dir=$work/$1
	variant=$2
	shift 2
	rm -rf "$dir"
	mkdir -p "$dir"
	(
		cd "$dir" &&
			cp "$model" . &&
			spin -a "-D$variant" ring.pml &&
			${CC:-cc} -DCOLLAPSE -DMEMLIM=1800 "$@" -o pan pan.c
	) >"$dir/build.log" 2>&1 || { cat "$dir/build.log"; fail "${dir##*/}" "does not build"; }
}

# search NAME OPTION...: runs $work/NAME/pan; its output must be that of a finished search.
search() {
	dir=$work/$1
	shift
	status=0
	(cd "$dir" && ./pan "-m$depth" "$@") >"$dir/pan.log" 2>&1 || status=$?
	errors=$(sed -n 's/^State-vector .* errors: \([0-9]*\)$/\1/p' "$dir/pan.log")
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' "$dir/pan.log")
	if [ "$status" -ne 0 ] || [ -z "$errors" ] || [ -z "$states" ]; then
		fail "${dir##*/}" "pan stopped with status $status"
	fi
	truncated='max search depth too small|out of memory|MEMLIM|NFAIR'
	! grep -Eq "$truncated" "$dir/pan.log" || fail "${dir##*/}" "pan did not search everything"
}

# clean NAME: the search found no error, and was not given up.
clean() {
	[ "$errors" -eq 0 ] || fail "$1" "the protocol fails"
	! grep -Eq '^pan:1:|Search not completed' "$work/$1/pan.log" || fail "$1" "search not completed"
}

fail() {
	[ ! -f "$work/$1/pan.log" ] || sed -n '1,12p' "$work/$1/pan.log"
	echo "FAIL $1: $2; $advice"
	exit 1
}

report() {
	printf 'ok   %-32s %9s states, %s\n' "$1" "$states" "$2"
}

# Nothing may fail, and no statement of either side may be out of reach: a model that
# cannot get there proves nothing.
must_hold() {
	build "$1" "$1" -O2 -DSAFETY -DNOCLAIM
	search "$1"
	clean "$1"
	! sed -n '/^unreached in proctype/,/states)/p' "$work/$1/pan.log" |
		grep ', state ' | grep -v '"-end-"' || fail "$1" "unreached statements"
	report "$1" "holds"
}

# The guest finishes under weak fairness.
must_finish() {
	build "$1.finishes" "$1" -O2 -DNFAIR=2
	search "$1.finishes" -a -f
	clean "$1.finishes"
	report "$1.finishes" "holds"
}

# must_fail VARIANT WAY PATTERN: pan's first error must match.
must_fail() {
	name=$1.$2
	case $2 in
	deadlock)
		build "$name" "$1" -O0 -DSAFETY -DNOCLAIM
		search "$name" -A
		;;
	assertion)
		build "$name" "$1" -O0 -DSAFETY -DNOCLAIM
		search "$name" -E
		;;
	cycle)
		build "$name" "$1" -O0 -DNFAIR=2
		search "$name" -a -f -A
		;;
	esac
	[ "$errors" -gt 0 ] || fail "$name" "the broken protocol passes"
	grep -q "^pan:1: $3" "$work/$name/pan.log" || fail "$name" "not the error expected: $3"
	report "$name" "fails as it must"
}

deadlocks() {
	for variant in \
		NO_GUEST_FENCE NO_HOST_FENCE NO_GUEST_EVENT_FENCE NO_HOST_EVENT_FENCE \
		NO_RECHECK NO_GUEST_RECHECK NO_ROOM_RECHECK NO_ROOM_FENCE NO_ROOM_CHECK \
		CLEAR_DOORBELL CLEAR_EVENT; do
		must_fail $variant deadlock 'invalid end state'
	done
}

# The model's assertions can fail: the pattern is what is peculiar to each.
assertions() {
	must_fail NO_RECHECK assertion 'assertion violated.*doorbell'
	must_fail NO_GUEST_RECHECK assertion 'assertion violated.*halted'
	must_fail NO_SUBMIT_LIMIT assertion 'assertion violated.*submitted'
	must_fail NO_ROOM_LIMIT assertion 'assertion violated.*completed'
	must_fail PUBLISH_EARLY assertion 'assertion violated.*ever_taken'
	must_fail COMPLETE_EARLY assertion 'assertion violated.*ever_consumed'
	must_fail FREE_EARLY assertion 'assertion violated.*memory\[word\]==0'
}

# The searches for livelock take the longest: they run beside all others.
(
	must_finish PROTOCOL
	must_finish GUEST_CREDIT
	must_fail NO_HOST_FENCE cycle 'acceptance cycle'
) &
liveness=$!
(
	must_hold PROTOCOL
	must_hold GUEST_CREDIT
	must_hold RELAXED_FLAGS
	deadlocks
	assertions
) &
safety=$!

status=0
wait "$liveness" || status=1
wait "$safety" || status=1
exit $status
