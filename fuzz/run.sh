#!/bin/sh
# run.sh BUILD SECONDS - runs every fuzzer in BUILD for SECONDS, side by side, and tells how far they
# came: executions, calls whose handler was reached, and lines of hypervisor/gate; and how many programs of
# system calls keep has run (calls.sh). Fails if one of them found something, or did nothing. What they learn
# stays in BUILD/fuzz/corpus for the next time.
set -eu

[ $# -eq 2 ] || { echo "usage: fuzz/run.sh BUILD SECONDS" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(cd "$1/fuzz" && pwd)
seconds=$2
fuzzers="gate_fuzz gate_fuzz_grown gatec_fuzz image_fuzz kernel_fuzz device_fuzz file_fuzz"

# Reports name functions and lines, and errors end the program.
export ASAN_OPTIONS=detect_stack_use_after_return=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1

# Programs of any bytes are good enough to begin with; the scanner is given contracts.
make_seeds() {
	mkdir -p "$work/seeds/gate" "$work/seeds/gatec"
	python3 - "$work/seeds/gate" <<'END'
import random, sys

random.seed(1)
for number in range(64):
    with open(f"{sys.argv[1]}/{number}", "wb") as seed:
        for _ in range(1024):
            # Small choices are the frequent ones: see fuzz/input.h.
            seed.write(bytes([random.randrange(random.choice((1, 64, 256)))]))
END
	cp "$source/abi/postern.abi" "$source/fuzz/grown/extra.abi" "$source"/tests/gatec/golden/*.abi \
		"$work/seeds/gatec"
}

run() {
	name=$1
	shift
	mkdir -p "$work/corpus/$name"
	"$work/$name" -max_total_time="$seconds" -print_final_stats=1 -timeout=60 -rss_limit_mb=4096 \
		-artifact_prefix="$work/found-$name-" "$work/corpus/$name" "$@" >"$work/$name.log" 2>&1
}

# Prints `NAME: N executions, N a second` and what the fuzzer says at its end.
report() {
	executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.log")
	rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$work/$1.log")
	echo "$1: ${executions:-0} executions, ${rate:-0} a second"
	sed -n 's/^\(calls reached\|not reached\): /    &/p' "$work/$1.log"
	[ "${executions:-0}" -gt 0 ] || { echo "$1: nothing was executed" >&2; failed=1; }
}

# What was learnt is run once more by a build that counts lines.
report_lines() {
	for name in gate_fuzz gate_fuzz_grown; do
		LLVM_PROFILE_FILE="$work/$name.profraw" "$work/${name}_cover" -runs=0 "$work/corpus/$name" \
			"$work/seeds/gate" >"$work/${name}_cover.log" 2>&1
		llvm-profdata merge -o "$work/$name.profdata" "$work/$name.profraw"
		llvm-cov export -summary-only -instr-profile="$work/$name.profdata" "$work/${name}_cover" \
			>"$work/$name.json"
		python3 - "$name" "$work/$name.json" <<'END'
import json, sys

with open(sys.argv[2], encoding="utf-8") as export:
    files = json.load(export)["data"][0]["files"]
lines = [file["summary"]["lines"] for file in files if "/hypervisor/gate/" in file["filename"]]
covered, count = sum(each["covered"] for each in lines), sum(each["count"] for each in lines)
print(f"{sys.argv[1]}: {100 * covered / count:.1f}% of the lines of hypervisor/gate")
END
	done
}

failed=0
make_seeds
run gate_fuzz -len_control=0 -max_len=1024 "$work/seeds/gate" & gate=$!
run gate_fuzz_grown -len_control=0 -max_len=1024 "$work/seeds/gate" & grown=$!
run gatec_fuzz -max_len=8192 -dict="$source/fuzz/contract.dict" "$work/seeds/gatec" & gatec=$!
run image_fuzz -max_len=4096 & image=$!
run kernel_fuzz -max_len=4096 & kernel=$!
run device_fuzz -max_len=4096 & device=$!
run file_fuzz -len_control=0 -max_len=1024 "$work/seeds/gate" & file=$!
# Other programs each time.
"$source/fuzz/calls.sh" "$1/cli/postern" "$work/calls" "$seconds" "$(date +%s)" >"$work/calls.log" 2>&1 & calls=$!
for fuzzer in "gate_fuzz $gate" "gate_fuzz_grown $grown" "gatec_fuzz $gatec" "image_fuzz $image" \
	"kernel_fuzz $kernel" "device_fuzz $device" "file_fuzz $file"; do
	wait "${fuzzer#* }" || {
		echo "${fuzzer% *}: found something:" >&2
		grep -E '^FOUND|ERROR: |runtime error: |Test unit written' "$work/${fuzzer% *}.log" >&2 ||
			tail -n 20 "$work/${fuzzer% *}.log" >&2
		failed=1
	}
done
wait "$calls" || failed=1
for name in $fuzzers; do
	report "$name"
done
cat "$work/calls.log"
report_lines || failed=1
exit "$failed"
