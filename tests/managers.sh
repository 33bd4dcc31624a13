#!/usr/bin/env bash
# A full tunnel with a kill switch beside each of the programs that manage a host: firewalld, ufw, nftables.service,
# systemd-networkd, NetworkManager, dhclient without and with resolvconf. Each gets a machine of its own, which is booted from
# a root that mmdebstrap makes, and is reloaded and restarted there (tests/managers_booted.sh). Needs root, mmdebstrap,
# systemd-nspawn and about 1 GB in TMPDIR.
#
#   sudo tests/managers.sh [--package FILE | --tunneld FILE] [--root TAR] [--only MANAGER,...] [bookworm|trixie]
#     --package  the package to install; without one, packaging/build.sh makes one
#     --tunneld  a program of a build folder instead, where this machine has the same Debian as the root
#     --root     the root as a tar file, which is made where there is none, to be used again
#   exit 0: all of it; 77: no root can be made here
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
managers=(firewalld ufw nftables networkd NetworkManager dhclient resolvconf)
package='' tunneld='' tar='' suite=bookworm
while [ $# -gt 0 ]; do
  case $1 in
    --package) package=$(realpath "$2") && shift ;;
    --tunneld) tunneld=$(realpath "$2") && shift ;;
    --root) tar=$(realpath "$2") && shift ;;
    --only) IFS=, read -ra managers <<<"$2" && shift ;;
    *) suite=$1 ;;
  esac
  shift
done

. tests/debian_root.sh
command -v systemd-nspawn >/dev/null || { echo 'no systemd-nspawn here' && exit 77; }

work=$(mktemp -d "${TMPDIR:-/tmp}/tunneld-managers-XXXXXX")
root=$work/root
machine=tunneld-managers-$$
cleanup() {
  umount "$work/memory/merged" "$work/memory" 2>/dev/null
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT
failed=0

if [ -z "$package$tunneld" ]; then
  packaging/build.sh --output "$work" || exit 1
  package=$(echo "$work"/*.deb)
fi
[ -n "$tar" ] || tar=$work/root.tar
[ -e "$tar" ] || debian_root "$suite" "$tar" systemd-sysv,udev,dbus,polkitd,network-manager,iproute2,iputils-ping,nftables,procps,python3-minimal,firewalld,ufw,isc-dhcp-client,dnsmasq-base
mkdir "$root"
tar -C "$root" -xf "$tar" || exit 1

# What runs is said by each test; nothing is started here.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
install_tunneld() {
  inside apt-get update -q || return 77
  # Unpacked and configured on the machine of its own test.
  inside apt-get install -q -y --download-only resolvconf && cp "$root"/var/cache/apt/archives/resolvconf_*.deb "$root/root/resolvconf.deb" || return
  if [ -n "$package" ]; then
    cp "$package" "$root/root/package.deb"
    inside apt-get install -q -y --no-install-recommends /root/package.deb
  else
    local libraries
    libraries=$(ldd "$tunneld" | grep -o '/[^ ]*' | xargs realpath | xargs dpkg-query -S | cut -d : -f 1 | sort -u)
    # shellcheck disable=SC2086 # One word for each package.
    inside apt-get install -q -y --no-install-recommends $libraries || return
    DESTDIR=$root cmake --install "$(dirname "$tunneld")" --prefix /usr || return
    cp -r packaging/files/etc "$root/" && mkdir -m 700 "$root/etc/tunneld" && inside systemd-sysusers tunneld.conf
  fi
}
install_tunneld >"$work/log" 2>&1 || { tail -n 30 "$work/log" && echo 'tunneld cannot be installed' && exit 77; }
inside systemctl -q disable firewalld ufw nftables NetworkManager NetworkManager-wait-online systemd-networkd 2>/dev/null
rm "$root/usr/sbin/policy-rc.d"
cp tests/managers_booted.sh tests/booted_checks.sh "$root/root/"
ln -sf /dev/null "$root/etc/systemd/system/systemd-udev-trigger.service"
printf '[Service]\nType=oneshot\nExecStart=/root/managers_booted.sh\n' >"$root/etc/systemd/system/managers.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../managers.service "$root/etc/systemd/system/multi-user.target.wants/"
rm -f "$root/etc/resolv.conf"
echo 'nameserver 192.0.2.53' >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"

# boot MANAGER: on a layer of its own, until its result is written.
boot() {
  local memory=$work/memory begin=$SECONDS
  mkdir -p "$memory" && mount -t tmpfs tmpfs "$memory" && mkdir "$memory/upper" "$memory/work" "$memory/merged" &&
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$memory/upper,workdir=$memory/work" "$memory/merged" || return
  echo "$1" >"$memory/merged/root/manager"
  SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes timeout 400 systemd-nspawn -q -D "$memory/merged" --machine="$machine" --boot --register=no \
    --keep-unit --private-network --resolv-conf=off --capability=all --bind=/dev/net/tun </dev/null >"$work/log" 2>&1 &
  local container=$!
  while kill -0 $container 2>/dev/null && ! grep -qs '^DONE' "$memory/merged/result"; do sleep 1; done
  kill $container 2>/dev/null
  wait $container
  sed "s/^/$1: /" "$memory/merged/result" || tail -n 30 "$work/log"
  echo "$1: $((SECONDS - begin)) s"
  grep -qs '^DONE' "$memory/merged/result" && ! grep -q '^FAILED' "$memory/merged/result" || failed=1
  umount "$memory/merged" "$memory"
}
for manager in "${managers[@]}"; do boot "$manager"; done
exit $failed
