# bench.bats - `postern bench`: that it measures, what it prints, and how it fails. Not how fast anything is.
load common

@test "bench gate prints a row for each case" {
	run "$POSTERN" bench gate
	[ "$status" -eq 0 ]
	[[ "$output" == *"null call"* ]]
	[[ "$output" == *"getppid"* ]]
	[[ "$output" == *"per entry"* ]]
}

@test "bench gate --json is JSON with a time above zero for each case" {
	run "$POSTERN" bench gate --json
	[ "$status" -eq 0 ]
	[ "$(jq '.cases | length' <<<"$output")" -eq 8 ]
	[ "$(jq '[.cases[] | select(.ns > 0 and .least_ns <= .ns and .ns <= .most_ns)] | length' <<<"$output")" -eq 8 ]
}

# What needs two processors is left out where there is one.
@test "bench crossing --json is JSON with a time above zero for each way" {
	run --separate-stderr "$POSTERN" bench crossing --json --rounds 3
	[ "$status" -eq 0 ]
	[ "$(jq '[.cases[] | select(.ns > 0 and .cycles > 0 and .least_ns <= .ns and .ns <= .most_ns)] | length' \
		<<<"$output")" -eq "$(jq '.cases | length' <<<"$output")" ]
	[ "$(jq '.cases | length' <<<"$output")" -ge 6 ]
	[ "$(jq '.counter_mhz > 0' <<<"$output")" = true ]
}

@test "bench crossing on one processor says what it cannot measure" {
	run --separate-stderr taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$POSTERN" bench crossing --rounds 3
	[ "$status" -eq 0 ]
	contains "$output" getppid "guest's own kernel" trapped "batch of 1024" "polled ring" "needs two processors"
	[ "$(grep -c "on the same processor  *[0-9]" <<<"$output")" -eq 2 ]
}

@test "bench start --json says where the time of a start goes" {
	run --separate-stderr "$POSTERN" bench start --json
	[ "$status" -eq 0 ]
	[ "$(jq -r '[.cases[].name] | join(" ")' <<<"$output")" = "true boot boot_timed" ]
	[ "$(jq '[.cases[], .parts[] | select(.least_ns >= 0 and .least_ns <= .ns and .ns <= .most_ns)] | length' \
		<<<"$output")" -eq 14 ]
	# The parts of a run are all of it, give or take that medians do not add up.
	[ "$(jq '([.parts[].ns] | add) / (.cases[] | select(.name == "boot_timed").ns) | . > 0.3 and . < 1.7' \
		<<<"$output")" = true ]
	[ "$(jq '.memory_kib | . == null or (.monitor > 0 and .guest > 0)' <<<"$output")" = true ]
}

@test "bench economics has each way for each work, with the exits that it takes" {
	run --separate-stderr "$POSTERN" bench economics --json --rounds 1
	[ "$status" -eq 0 ]
	[ "$(jq '[.cases[] | select(.ns > 0)] | length' <<<"$output")" -eq "$(jq '.cases | length' <<<"$output")" ]
	for work in console file; do
		of_work=$(jq "[.cases[] | select(.work == \"$work\")]" <<<"$output")
		[ "$(jq '[.[] | select(.way == "port" or .way == "call") | .exits == 1] | all' <<<"$of_work")" = true ]
		[ "$(jq '[.[] | select(.way == "batch") | .exits * .batch == 1] | all' <<<"$of_work")" = true ]
		[ "$(jq 'length' <<<"$of_work")" -ge 11 ]
		[ "$(jq ".fits[] | select(.work == \"$work\") | .trap_ns > 0" <<<"$output")" = true ]
	done
}

@test "bench economics --plot writes an SVG with both works" {
	command -v gnuplot >/dev/null || skip "needs gnuplot"
	run --separate-stderr "$POSTERN" bench economics --rounds 1 --plot "$BATS_TEST_TMPDIR/a 'plot'.svg"
	[ "$status" -eq 0 ]
	contains "$output" "t_e =" "a batch"
	contains "$(<"$BATS_TEST_TMPDIR/a 'plot'.svg")" "<svg" "a byte to the console" "4 bytes of a file" "batches of n"
}

@test "bench economics --plot says what it lacks, before it measures" {
	PATH=$BATS_TEST_TMPDIR run "$POSTERN" bench economics --plot "$BATS_TEST_TMPDIR/plot.svg"
	[ "$status" -eq 1 ]
	equal "$output" "postern bench economics: gnuplot: cannot run: No such file or directory; it draws the plot, and is in the package gnuplot-nox"
	[ ! -e "$BATS_TEST_TMPDIR/plot.svg" ]
	[ -n "$(command -v gnuplot)" ] || skip "needs gnuplot for the rest"
	run --separate-stderr "$POSTERN" bench economics --rounds 1 --plot /nowhere/plot.svg
	[ "$status" -eq 1 ]
	contains "$stderr" "/nowhere/plot.svg: cannot plot"
}

@test "bench translation chases through each size, in both" {
	run --separate-stderr "$POSTERN" bench translation --json --most 1024 --rounds 1
	[ "$status" -eq 0 ]
	[ "$(jq -c '[.sizes[].bytes]' <<<"$output")" = "[16384,65536,262144,1048576]" ]
	[ "$(jq '[.sizes[] | select(.host.ns > 0 and .host_4k.ns > 0 and .guest.ns > 0)] | length' <<<"$output")" -eq 4 ]
	run "$POSTERN" bench translation --most 8
	[ "$status" -eq 2 ]
}

@test "bench without a name, or with a wrong one, is a usage error" {
	run "$POSTERN" bench
	[ "$status" -eq 2 ]
	run "$POSTERN" bench nothing
	[ "$status" -eq 2 ]
	[[ "$output" == *"no such benchmark: nothing"* ]]
	for name in crossing economics gate start translation; do
		run "$POSTERN" bench "$name" --fast
		[ "$status" -eq 2 ]
	done
}

@test "bench programs --json has figures of the host and of a VM for what it was asked for" {
	run --separate-stderr "$POSTERN" bench programs --json --rounds 1 --only getppid
	[ "$status" -eq 0 ]
	[ "$(jq -r '.programs[].name' <<<"$output")" = getppid ]
	[ "$(jq '.programs[0] | .host_ns.median > 0 and .vm_ns.median > 0 and .ratio > 0 and .exits > 0' <<<"$output")" = true ]
}

@test "bench programs says what it does not know" {
	for wrong in "--only nothing" "--rounds 2" "--rounds x" --fast; do
		# shellcheck disable=SC2086
		run "$POSTERN" bench programs $wrong
		[ "$status" -eq 2 ]
		contains "$output" "usage: postern bench programs" getppid
	done
}
