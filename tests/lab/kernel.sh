#!/bin/sh
# SPDX-License-Identifier: ISC
# kernel.sh FOLDER - puts Debian's stock kernel and those of its modules that the lab loads into FOLDER: vmlinuz,
# and modules, one name a line in the order in which they are loaded. The package is unpacked, not installed: an
# installed kernel would want a boot loader. Does nothing if all is there already.
set -eu

wanted="kvm-amd 9pnet_virtio virtio_pci 9p"

folder=$1
[ ! -e "$folder/complete" ] || exit 0

mkdir -p "$folder"
cd "$folder"
rm -rf unpacked ./*.deb

# linux-image-amd64 has nothing but the name of the newest in it.
newest()
{
	apt-cache depends linux-image-amd64 2>/dev/null |
		sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1
}

# Without the user of its own that apt otherwise downloads as, who may not write here.
download()
{
	apt-get -qq -o APT::Sandbox::User=root download "$(newest)" >&2
}

if [ -z "$(newest)" ] || ! download; then
	apt-get -qq update >&2
	download
fi
dpkg-deb -x ./linux-image-*.deb unpacked
rm ./*.deb
cp unpacked/boot/vmlinuz-* vmlinuz

# What a module needs, before it: its .modinfo says so by name.
path_of()
{
	find unpacked -name "$1.ko" -o -name "$(echo "$1" | tr _ -).ko" | head -n 1
}

add()
{
	for needed in $(objcopy -O binary --only-section=.modinfo "$(path_of "$1")" /dev/stdout | tr '\0' '\n' |
		sed -n 's/^depends=//p' | tr ',' ' '); do
		(add "$needed")
	done
	path_of "$1"
}

for module in $wanted; do
	add "$module"
done | awk '!seen[$0]++' | while read -r path; do
	cp "$path" .
	echo "${path##*/}"
done >modules
rm -rf unpacked
touch complete
