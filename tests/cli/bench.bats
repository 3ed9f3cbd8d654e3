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

@test "bench without a name, or with a wrong one, is a usage error" {
	run "$POSTERN" bench
	[ "$status" -eq 2 ]
	run "$POSTERN" bench nothing
	[ "$status" -eq 2 ]
	[[ "$output" == *"no such benchmark: nothing"* ]]
	run "$POSTERN" bench gate --fast
	[ "$status" -eq 2 ]
}
