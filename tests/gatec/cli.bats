#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# cli.bats - gatec's command line: statuses, messages, and that an output is whole or not there.
# GATEC names the program.

setup() {
	here=$BATS_TEST_DIRNAME
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir out
	contract=$BATS_TEST_TMPDIR/contract.abi
	cat >"$contract" <<'END'
abi t 1.0 "T."
section s = 1 "S."
call s.c = 0x0100 { "C." returns "Zero." right always cost constant }
END
	echo 'abi t 1.0 "T." section' >bad.abi
}

# gate STATUS ARGUMENT...: runs gatec, with its output in the files stdout and stderr.
gate() {
	local expected=$1 status=0
	shift
	"$GATEC" "$@" >stdout 2>stderr || status=$?
	[ "$status" -eq "$expected" ] || {
		echo "status $status, not $expected: gatec $*"
		cat stderr
		return 1
	}
}

# said FILE LINE: FILE is that line alone.
said() {
	echo "$2" | diff - "$1"
}

is_usage_error() {
	gate 2 "$@"
	[ ! -s stdout ]
	grep -q '^usage: gatec emit' stderr
}

# Nothing but these is in the folder out.
holds() {
	# shellcheck disable=SC2012 # names of our own
	[ "$(ls -A out | tr '\n' ' ')" = "${1:+$1 }" ]
}

# ---- usage ----

@test "no command" {
	is_usage_error
	grep -q '^gatec: no command given$' stderr
}

@test "an unknown command is named" {
	is_usage_error compile "$contract"
	grep -q '^gatec: no such command: compile$' stderr
}

@test "emit takes a kind and a contract" {
	is_usage_error emit
	is_usage_error emit lock
	is_usage_error emit lock "$contract" out/x
	is_usage_error emit lock "$contract" -o
	is_usage_error emit lock "$contract" -O out/x
	is_usage_error emit lock "$contract" -o out/x more
	holds ""
}

@test "an unknown kind of output is named" {
	is_usage_error emit cobol "$contract"
	grep -q '^gatec: no such kind of output: cobol$' stderr
	is_usage_error emit "" "$contract"
	is_usage_error emit cobol missing.abi -o out/x
	holds ""
}

@test "check takes two contracts" {
	is_usage_error check
	is_usage_error check "$contract"
	is_usage_error check "$contract" "$contract" "$contract"
}

@test "--help is an answer, and names every kind" {
	gate 0 --help
	[ ! -s stderr ]
	for kind in header stubs host-header host trace fuzz json markdown man lock next; do
		grep -q "^  $kind " stdout
		gate 0 emit "$kind" "$contract"
		[ -s stdout ]
		[ ! -s stderr ]
		gate 0 --help
	done
	[ "$(grep -c '^  [a-z]' stdout)" -eq 11 ]
}

@test "--version" {
	gate 0 --version
	grep -Eqx 'gatec [0-9]+\.[0-9]+\.[0-9]+' stdout
	[ ! -s stderr ]
}

# ---- contracts that cannot be read ----

@test "a contract that is missing" {
	gate 1 emit lock missing.abi
	said stderr 'missing.abi: error: cannot open: No such file or directory'
	[ ! -s stdout ]
}

@test "a contract that is a folder" {
	gate 1 emit lock out
	said stderr 'out: error: cannot read: Is a directory'
}

@test "a contract that may not be read" {
	[ "$(id -u)" -ne 0 ] || skip "root may read everything"
	chmod 0 "$contract"
	gate 1 emit lock "$contract"
	said stderr "$contract: error: cannot open: Permission denied"
}

@test "a contract of 16 MiB is read, and a larger one is not" {
	size=$(wc -c <"$contract")
	head -c $((16 * 1024 * 1024 - size)) /dev/zero | tr '\0' '\n' >blanks
	cat "$contract" blanks >large.abi
	gate 0 emit lock large.abi
	echo >>large.abi
	gate 1 emit lock large.abi
	said stderr 'large.abi: error: cannot read: larger than 16 MiB'
}

@test "a contract from a pipe" {
	{
		cat "$contract"
		head -c 200000 /dev/zero | tr '\0' ' '
		echo 'section u = 2 "U."'
	} | "$GATEC" emit lock /dev/stdin >stdout
	grep -q '^section u = 0x02$' stdout
}

@test "256 calls are too many, 255 are not" {
	{
		echo 'abi t 1.0 "T."'
		for section in 1 2 3 4; do
			echo "section s$section = $section \"S.\""
			for call in $(seq 0 63); do
				printf 'call s%d.c%d = 0x%02x%02x { "C." returns "Zero." right always cost constant }\n' \
					"$section" "$call" "$section" "$call"
			done
		done
	} >many.abi
	gate 1 emit lock many.abi
	said stderr 'many.abi:1:5: error: 256 calls; at most 255 are allowed'
	sed '$d' many.abi >fewer.abi
	gate 0 emit lock fewer.abi
}

@test "of many errors, the first 50 are printed" {
	{
		echo 'abi t 1.0 "T."'
		for number in $(seq 1 60); do
			echo "section = $number"
		done
	} >many.abi
	gate 1 emit lock many.abi
	[ "$(wc -l <stderr)" -eq 51 ]
	grep -q '^many.abi:51:9: error: ' stderr
	tail -n 1 stderr >last
	said last 'gatec: 10 more errors'
}

# ---- outputs ----

@test "-o writes what would go to standard output" {
	gate 0 emit lock "$contract"
	gate 0 emit lock "$contract" -o out/t.lock
	[ ! -s stdout ]
	[ ! -s stderr ]
	"$GATEC" emit lock "$contract" | cmp - out/t.lock
	holds t.lock
}

@test "-o replaces a file, and its mode is what umask says" {
	echo old >out/t.lock
	chmod 600 out/t.lock
	(umask 022 && gate 0 emit lock "$contract" -o out/t.lock)
	"$GATEC" emit lock "$contract" | cmp - out/t.lock
	[ "$(stat -c %a out/t.lock)" = 644 ]
	holds t.lock
}

@test "-o touches nothing when the contract is bad" {
	gate 1 emit lock bad.abi -o out/t.lock
	grep -q '^bad.abi:2:1: error: ' stderr
	holds ""
	echo old >out/t.lock
	gate 1 emit lock bad.abi -o out/t.lock
	said out/t.lock old
	holds t.lock
}

@test "-o into a folder that is missing" {
	gate 1 emit lock "$contract" -o out/none/t.lock
	said stderr 'gatec: out/none/t.lock: cannot create: No such file or directory'
}

@test "-o into a folder that may not be written" {
	[ "$(id -u)" -ne 0 ] || skip "root may write everywhere"
	chmod 555 out
	gate 1 emit lock "$contract" -o out/t.lock
	said stderr 'gatec: out/t.lock: cannot create: Permission denied'
}

@test "-o into a folder where nobody can create files" {
	[ -d /proc/self ] || skip "no /proc here"
	gate 1 emit lock "$contract" -o /proc/self/t.lock
	grep -q '^gatec: /proc/self/t.lock: cannot create: ' stderr
}

@test "-o onto a folder" {
	mkdir out/folder
	gate 1 emit lock "$contract" -o out/folder
	said stderr 'gatec: out/folder: cannot replace: Is a directory'
	holds folder
}

@test "-o leaves nothing when there is no room for the output" {
	(
		trap '' XFSZ
		ulimit -f 1
		"$GATEC" emit host "$here/golden/small.abi" -o out/t.c 2>&1 | cat >stderr
		[ "${PIPESTATUS[0]}" -eq 1 ]
	)
	said stderr 'gatec: out/t.c: cannot write: File too large'
	holds ""
}

@test "-o writes into what is no file, and does not replace it" {
	gate 0 emit lock "$contract" -o /dev/null
	[ -c /dev/null ]
	mkfifo out/pipe
	timeout 10 cat out/pipe >copy &
	gate 0 emit lock "$contract" -o out/pipe
	wait
	[ -p out/pipe ]
	"$GATEC" emit lock "$contract" | cmp - copy
	gate 1 emit lock "$contract" -o /dev/full
	said stderr 'gatec: /dev/full: cannot write: No space left on device'
	holds pipe
}

@test "standard output that is full" {
	for arguments in "emit lock $contract" "emit markdown $here/../../abi/postern.abi" --help --version; do
		status=0
		# shellcheck disable=SC2086 # a list of words
		"$GATEC" $arguments >/dev/full 2>stderr || status=$?
		[ "$status" -eq 1 ]
		said stderr 'gatec: standard output: cannot write: No space left on device'
	done
}

@test "standard output that is closed" {
	status=0
	"$GATEC" emit lock "$contract" >&- 2>stderr || status=$?
	[ "$status" -eq 1 ]
	said stderr 'gatec: standard output: cannot write: Bad file descriptor'
}

# ---- check ----

@test "check of contracts that agree says nothing" {
	gate 0 emit lock "$contract" -o old.lock
	gate 0 check old.lock "$contract"
	[ ! -s stdout ]
	[ ! -s stderr ]
}

@test "check of contracts that do not agree names the change" {
	sed 's/0x0100/0x0101/' "$contract" >new.abi
	gate 1 check "$contract" new.abi
	[ ! -s stdout ]
	grep -q '^new.abi:3:.*: error: call s.c: ' stderr
}

@test "check reports what is wrong in either contract" {
	gate 1 check bad.abi missing.abi
	[ "$(wc -l <stderr)" -eq 2 ]
	grep -q '^bad.abi:2:1: error: ' stderr
	grep -q '^missing.abi: error: cannot open: ' stderr
	gate 1 check "$contract" bad.abi
	[ "$(wc -l <stderr)" -eq 1 ]
}
