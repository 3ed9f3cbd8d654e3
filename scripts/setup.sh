#!/bin/sh
# setup.sh GROUP... - installs the Debian packages that the groups need and that are missing.
# When nothing is missing, it asks nothing of the network or of root.
set -eu

usage="usage: scripts/setup.sh build|run|test|lint|fuzz|lab..."

# The one list of packages: group, package, what it is for.
list() {
	cat <<'END'
build gcc               # the compiler
build libc6-dev         # libc's headers, and Linux's by its dependency
build meson             # the build system; brings python3
build ninja-build       # what Meson hands its work to
build pkg-config        # how Meson finds libraries
build libjansson-dev    # JSON output of postern(1)
build libzydis-dev      # decodes instructions that trap, and shows those that crashed
build libseccomp-dev    # the system calls of a monitor in its jail
build liburing-dev      # asynchronous I/O on the host
build libsqlite3-dev     # the database in what `postern bench programs` runs
build scdoc             # man pages
run   busybox-static    # what `make run` runs
test  libcmocka-dev     # unit tests
test  bats              # command-line tests
test  jq                # reads JSON in them
test  gnuplot-nox       # draws the plot of postern bench economics
test  spin              # the protocol models
test  busybox-static    # programs that run on the host and in a VM, and must do the same: many in one,
test  bash-static       # a shell,
test  g++               # one in C++,
test  liblua5.4-dev     # an interpreter,
test  libsqlite3-dev    # a database,
test  sqlite3           # which the host reads,
test  libzstd-dev       # compression,
test  zstd              # which the host undoes,
test  libssl-dev        # cryptography,
test  openssl           # likewise,
test  bc                # and some that are linked dynamically: a calculator,
test  fzf               # one in Go,
test  ripgrep           # one in Rust with threads,
test  cpio              # another reader of archives
test  xz-utils          # input for those that decompress
test  bzip2             # likewise
lint  clang             # clang's own headers, which clang-tidy parses with
lint  clang-tidy        # static analysis
lint  clang-format      # layout of the sources
lint  shellcheck        # the same for shell scripts
lint  man-db            # man --warnings on the man pages
fuzz  clang             # libFuzzer is clang's
fuzz  libclang-rt-14-dev  # libFuzzer's and the sanitizers' run-time libraries
fuzz  llvm              # llvm-symbolizer: names in the reports
lab   qemu-system-x86   # the lab's machine, where the host has no KVM that works
lab   cpio              # packs what it starts with
lab   busybox-static    # and is its first programs
lab   binutils          # objcopy: what a kernel module needs
lab   xz-utils          # what is inside the kernel's file
lab   dpkg              # dpkg-deb: unpacks the kernel's package
END
}

say() {
	printf 'setup: %s\n' "$*" >&2
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Prints the packages of the groups that are not installed, once each.
missing() {
	for group; do
		list | while read -r of package _; do
			if [ "$of" = "$group" ] && ! installed "$package"; then
				echo "$package"
			fi
		done
	done | sort -u
}

[ $# -gt 0 ] || { echo "$usage" >&2; exit 2; }
for group; do
	case $group in
	build | run | test | lint | fuzz | lab) ;;
	*) echo "$usage" >&2; exit 2 ;;
	esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
	say "not a Debian system: install what these Debian packages hold by hand:"
	for group; do
		list | while read -r of package _; do
			[ "$of" != "$group" ] || say "    $package"
		done
	done
	exit 0
fi

packages=$(missing "$@" | tr '\n' ' ')
packages=${packages% }
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
	as_root=
elif command -v sudo >/dev/null 2>&1; then
	as_root=sudo
else
	say "missing packages: $packages"
	say "cannot install them: not root, and there is no sudo; as root, run"
	say "    apt-get update && apt-get install --no-install-recommends $packages"
	exit 1
fi

say "installing $packages"
# The lists are split into words on purpose, and an empty $as_root vanishes.
# shellcheck disable=SC2086
{
	$as_root apt-get -qq update
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages
} >&2
