#!/usr/bin/env bash
# The Debian package for another architecture: built by cross compilers in a root that mmdebstrap makes, checked by lintian,
# installed by apt where libraries of both architectures stand side by side, and run there by qemu's user mode. Nothing is
# registered with this machine's kernel. Needs root, mmdebstrap and about 4 GB in TMPDIR.
#
#   sudo tests/package_cross.sh [--keep FOLDER] [ARCH [SUITE]]     exit 0: all of it; 77: no root can be made here
#     --keep    leaves the package in FOLDER
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
keep=''
[ "${1:-}" = --keep ] && keep=$(realpath "$2") && shift 2
arch=${1:-arm64} suite=${2:-trixie}

. tests/debian_root.sh

roots_for cross

both=$(dpkg --print-architecture),$arch
debian_root "$suite" "$builder" "$(cross_packages "$arch")build-essential,debhelper,lintian,python3" "$both"
mount -t proc proc "$builder/proc"
begin=$SECONDS
package=$(packaging/build.sh --arch "$arch" --root "$builder" --output "$work") || exit 1
echo "ok: built in $((SECONDS - begin)) s: $(basename "$package"), $(stat -c %s "$package") bytes, $(sha256sum <"$package" | cut -d ' ' -f 1)"
[ -z "$keep" ] || cp "$package" "$keep/"

cp "$package" "$builder/tmp/package.deb"
expect 'lintian finds no error' chroot "$builder" lintian --allow-root --fail-on error /tmp/package.deb
cat "$work/log"
expect "it is for $arch" test "$(dpkg-deb -f "$package" Architecture)" = "$arch"
dpkg-deb -x "$package" "$work/unpacked"
kind() { LC_ALL=C readelf -h "$1" | sed -n 's/ *Machine: *//p'; }
libc=$(find "$builder/usr/lib/$(chroot "$builder" dpkg-architecture -a "$arch" -q DEB_HOST_MULTIARCH)" -name libc.so.6 -print -quit)
expect 'and so is the program' test "$(kind "$work/unpacked/usr/sbin/tunneld")" = "$(kind "$libc")"
echo "    depends on $(dpkg-deb -f "$package" Depends)"
expect 'it needs no package for building' bash -c "! dpkg-deb -f '$package' Depends | grep -E -- '-dev|ipsec-mb'"
expect 'it has manual pages' test -s "$work/unpacked/usr/share/man/man8/tunneld.8.gz" -a -s "$work/unpacked/usr/share/man/man5/tunneld.yaml.5.gz"

# Its libraries are those alone that it depends on.
debian_root "$suite" "$root" systemd,ca-certificates,qemu-user-static "$both"
mount -t proc proc "$root/proc"
# No service is started in a folder.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
cp "$package" "$root/tmp/package.deb"
expect 'it installs' inside apt-get install -q -y --no-install-recommends /tmp/package.deb
emulator=qemu-$(chroot "$builder" dpkg-architecture -a "$arch" -q DEB_HOST_GNU_CPU)-static
program() { inside "$emulator" /usr/sbin/tunneld "$@"; }
expect 'the program runs' program --version
cat "$work/log"
key() { program genkey -o /etc/tunneld/server.key && test "$(wc -c <"$root/etc/tunneld/server.key")" = 45; }
expect 'it makes a key' key
cp "$root/usr/share/doc/tunneld/examples/server.yaml" "$root/etc/tunneld/"
expect 'an example is a configuration' program check --config /etc/tunneld/server.yaml
sed -i 's/^interface:/interfaze:/' "$root/etc/tunneld/server.yaml"
wrong() { program check --config /etc/tunneld/server.yaml; [ $? = 2 ]; }
expect 'a wrong word is none' wrong
expect 'it is purged' inside apt-get purge -q -y tunneld
exit $failed
