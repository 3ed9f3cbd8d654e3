#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# What the process of a guest can reach, all of it: a line here is a decision.

# run sets stderr.
# shellcheck disable=SC2154

load common

# A guest process is closed to its own user, so this takes a root, if only of a namespace.
reach()
{
	"$POSTERN" doctor --json | jq -e '.engines[] | select(.name == "ring3").available' >/dev/null ||
		skip "the engine ring3 does not work on this host"
	run --separate-stderr "$POSTERN" doctor --reach "$@"
	if [ "$status" -ne 0 ]; then
		equal "$status" 1
		contains "$stderr" "it is closed to its own user"
		unshare --user --map-root-user true 2>/dev/null || skip "needs root, or namespaces of users"
		run --separate-stderr unshare --user --map-root-user "$POSTERN" doctor --reach "$@"
	fi
	equal "$status $stderr" "0 "
}

@test "a guest process has RAM, mailboxes, a page of code, and five system calls" {
	reach --json
	local reach=$output
	equal "$(jq -r '.descriptors[] | "\(.number) \(.file)"' <<<"$reach")" "3 /memfd:postern-ram"
	equal "$(jq -r '.memory[] | select(.file != "[vsyscall]") | "\(.begin)-\(.end) \(.access) \(.file)"' <<<"$reach")" \
		"1ffff0000000-1ffff0040000 rw-s /memfd:postern-areas
1ffffff00000-1ffffff04000 r-xp 
200000000000-200001000000 rwxs /memfd:postern-ram"
	equal "$(jq -r '.calls.engine | sort | join(" ")' <<<"$reach")" "futex mmap mprotect munmap rt_sigreturn"
	equal "$(jq -r '.calls.elsewhere + .calls["32-bit"] | length' <<<"$reach")" 0
	equal "$(jq -r '.threads | length' <<<"$reach")" 2
	equal "$(jq -c '.threads[]' <<<"$reach" | sort -u)" \
		'{"CapInh":0,"CapPrm":0,"CapEff":0,"CapAmb":0,"NoNewPrivs":1,"Seccomp":2}'
	equal "$(jq -r '.limits["open files", "core file size"]' <<<"$reach" | sort -u)" 0
	# Its RAM once, and twice more for programs; mailboxes and code.
	equal "$(jq -r '.limits["address space"]' <<<"$reach")" $((3 * 16 * 1024 * 1024 + 2 * 131072 + 0x4000))
}

@test "the engine's code is sealed, where the kernel can" {
	"$POSTERN" doctor --json | jq -e '.host[] | select(.name == "mseal").available' >/dev/null ||
		skip "the kernel has no mseal"
	printf '%s\n' 6.15 "$(uname -r)" | sort -CV || skip "a kernel before 6.15 does not tell what is sealed"
	reach --json
	equal "$(jq -r '.memory[] | select(.sealed).begin' <<<"$output")" 1ffffff00000
}

@test "the list for people has the same" {
	reach
	contains "$output" "  3   /memfd:postern-ram" " r-xp sealed" "  anything else                  none" \
		"  the engine's code              "
}
