#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# postern run: what a program finds in its VM, and what becomes of it. busybox is Debian's static one.

# run sets stderr.
# shellcheck disable=SC2154

load common

run_it()
{
	run --separate-stderr "$POSTERN" run "$@"
}

setup_file()
{
	cd "$BATS_FILE_TMPDIR" || return
	printf 'one\ntwo\n' >text
}

setup()
{
	cd "$BATS_FILE_TMPDIR" || return
}

@test "a program reads the current directory, and its output is what it is on the host" {
	run_it -- busybox sha256sum text
	equal "$status $output" "0 $(sha256sum text)"
	equal "$stderr" ""
}

@test "a pipe on standard input is read to its end" {
	seq 20000 >numbers
	equal "$("$POSTERN" run busybox sha256sum <numbers)" "$(sha256sum <numbers)"
	equal "$(seq 20000 | "$POSTERN" run busybox wc -l)" 20000
}

@test "the exit status is the program's, and 128+N when signal N ended it" {
	run_it busybox sh -c 'exit 42'
	equal "$status" 42
	# shellcheck disable=SC2016
	run_it busybox sh -c 'kill -TERM $$'
	equal "$status" 143
	run_it busybox sh -c 'trap "echo caught" USR1; kill -USR1 $$; exit 3'
	equal "$status $output" "3 caught"
}

@test "the current directory cannot be written, /tmp can, and nothing of it stays" {
	run_it busybox touch text2
	equal "$status" 1
	[ ! -e text2 ]
	run_it busybox sh -c 'echo kept >/tmp/run.bats && read -r line </tmp/run.bats && echo "$line"'
	equal "$status $output" "0 kept"
	[ ! -e /tmp/run.bats ]
}

@test "nothing else of the host is there" {
	run_it busybox ls /etc
	equal "$status" 1
	contains "$stderr" "No such file or directory"
	run_it busybox ls /
	contains "$output" dev proc tmp
}

@test "arguments and chosen variables reach the program, and no others" {
	export FROB=secret
	run_it --env A=1 --env HOME=/nowhere busybox env
	contains "$output" "A=1" "HOME=/nowhere" "PATH=$PATH"
	[[ $output != *FROB* ]]
	run_it --clear-env --env FROB busybox env
	equal "$output" "FROB=secret"
	run_it busybox echo 'a  b' '' c
	equal "$output" "a  b  c"
}

@test "a program begins where it was started, or where it is told" {
	run_it busybox pwd
	equal "$output" "$PWD"
	run_it --directory /tmp busybox pwd
	equal "$output" /tmp
}

@test "ids are chosen, and say nothing about access to the host" {
	run_it --user 1234:567 busybox sh -c 'id -u; id -g; cat text' 2>/dev/null
	run_it --user 1234:567 busybox id
	equal "$output" "uid=1234 gid=567"
}

@test "a dynamic program needs its interpreter, which --root gives" {
	local program=/usr/bin/sha256sum
	run_it "$program" text
	equal "$status" 126
	contains "$stderr" "its interpreter /lib64/ld-linux-x86-64.so.2 is missing in the guest" "--root /"
	run_it --root / -- sha256sum "$program"
	equal "$status $output" "0 $(sha256sum "$program")"
}

@test "a script runs by an interpreter that is there" {
	local busybox
	busybox=$(command -v busybox)
	printf '#!%s sh\necho "script $1"\n' "$busybox" >script
	chmod +x script
	run_it --mount "$busybox:$busybox" ./script word
	equal "$status $output" "0 script word"
}

@test "what cannot be run is told in one line" {
	run_it frobnicate
	equal "$status $stderr" "127 postern: frobnicate: cannot run: not found in PATH"
	run_it ./frobnicate
	equal "$status $stderr" "127 postern: ./frobnicate: cannot run: No such file or directory"
	run_it ./text
	equal "$status $stderr" "126 postern: ./text: cannot run: Permission denied"
	run_it /
	equal "$status $stderr" "126 postern: /: cannot run: Is a directory"
	cp text executable
	chmod +x executable
	run_it ./executable
	equal "$status" 126
	contains "$stderr" "cannot run: not an ELF file"
	run_it
	equal "$status" 125
	contains "$stderr" "no program given"
}

@test "a program that takes more memory than there is, is killed and told so" {
	run_it --memory 24M busybox dd if=/dev/zero of=/tmp/file bs=1M count=100
	equal "$status" 1
	contains "$stderr" "No space left on device"
	run_it --memory 24M busybox sh -c 'a=0123456789; while true; do a=$a$a$a; done'
	equal "$status" 137
	contains "$stderr" "postern: busybox: killed: the guest is out of memory" "--memory"
}

@test "a program becomes another, or goes on if it cannot" {
	run_it busybox sh -c 'exec busybox echo hi "a  b"'
	equal "$status $output" "0 hi a  b"
	run_it busybox env -i A=1 "$(realpath "$(command -v busybox)")" env
	equal "$output" "A=1"
	run_it busybox sh -c 'exec /nowhere'
	equal "$status" 127
	run_it busybox sh -c 'trap "" TERM; exec busybox sh -c "kill -TERM \$\$; echo alive"'
	equal "$status $output" "0 alive"
	run_it --root / -- bash -c 'exec 9<>/dev/null; ls -d /usr'
	equal "$status $output" "0 /usr"
}

@test "a program sees as many processors as the VM has vCPUs" {
	run_it --cpus 3 -- busybox nproc
	equal "$status $output" "0 3"
	run_it --cpus 3 -- busybox grep -c '^processor' /proc/cpuinfo
	equal "$status $output" "0 3"
}

@test "missing system calls are told with --stats" {
	run_it --stats busybox sh -c 'busybox true; true'
	contains "$stderr" "missing system calls:" "fork, by clone"
}

@test "a VM ends when its time is over" {
	run_it --timeout 0.3 busybox sleep 600
	equal "$status" 124
}

@test "the result is written as JSON" {
	run_it --json result.json busybox sh -c 'exit 7'
	equal "$status" 7
	equal "$(jq -c '[.image, .end, .status]' result.json)" '["busybox","exited",7]'
}

@test "--help tells what it takes" {
	run_it --help
	equal "$status" 0
	contains "$output" "usage: postern run" "--mount" "--root" "--env" "--directory"
}
