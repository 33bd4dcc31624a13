#!/usr/bin/env bash
# The Debian package from building to purging, in roots that mmdebstrap makes: it is built (twice, with one hash), lintian has no
# errors, its manual pages render without warnings, it installs with what running needs and no more, is upgraded, removed
# and purged, and then the root is as before. Packages come from where this machine gets its own. Needs root, mmdebstrap and
# about 3 GB in TMPDIR.
#
#   sudo tests/package.sh [--once] [--keep FOLDER] [bookworm|trixie]     exit 0: all of it; 77: no root can be made here
#     --once    builds it once only
#     --keep    leaves the package in FOLDER
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
once=false keep='' suite=bookworm
while [ $# -gt 0 ]; do
  case $1 in
    --once) once=true ;;
    --keep) keep=$(realpath "$2") && shift ;;
    *) suite=$1 ;;
  esac
  shift
done

. tests/debian_root.sh

roots_for package

# The tools.
debian_root "$suite" "$builder" "$(build_packages)build-essential,debhelper,lintian,mandoc,man-db,bsdextrautils,python3"
mount -t proc proc "$builder/proc"
mkdir "$work/first" "$work/second"
begin=$SECONDS
packaging/build.sh --root "$builder" --output "$work/first" || exit 1
package=$(echo "$work"/first/*.deb)
echo "ok: built in $((SECONDS - begin)) s: $(basename "$package"), $(stat -c %s "$package") bytes, $(sha256sum <"$package" | cut -d ' ' -f 1)"
if ! $once; then
  packaging/build.sh --root "$builder" --output "$work/second" || exit 1
  echo "    in another folder: $(sha256sum <"$work"/second/*.deb | cut -d ' ' -f 1)"
  expect 'built again it is the same file' cmp "$package" "$work"/second/*.deb
fi
[ -z "$keep" ] || cp "$package" "$keep/"

cp "$package" "$builder/tmp/package.deb"
expect 'lintian finds no error' chroot "$builder" lintian --allow-root --fail-on error /tmp/package.deb
cat "$work/log"

# man_page FILE: no word of man's or mandoc's about it, and none that is left of Markdown.
man_page() {
  local said
  said=$(chroot "$builder" env LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -Tutf8 -l "$1" 2>&1 >/dev/null)
  said+=$(chroot "$builder" mandoc -Tlint -Wwarning "$1" 2>&1)
  said+=$(chroot "$builder" mandoc -Tutf8 "$1" | col -b | grep -nE '\]\(|\*\*|^ *\|' | head)
  echo "$said"
  [ -z "$said" ]
}
chroot "$builder" dpkg-deb -x /tmp/package.deb /unpacked
for page in "$builder"/unpacked/usr/share/man/man?/*.gz; do
  expect "${page##*/} is a clean manual page" man_page "${page#"$builder"}"
done

# A host, with what a purge has to leave.
debian_root "$suite" "$root" systemd,ca-certificates,bash-completion,zsh,fish
mount -t proc proc "$root/proc"
# No service is started in a folder.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
# The files, with their kind, mode and owner, and the users; but for apt's and dpkg's notes and what is made anew anyway.
state() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./var/lib/dpkg -o -path ./var/lib/apt -o -path ./var/cache \
    -o -path ./var/log -o -path ./tmp -o -path ./etc/ld.so.cache \) -prune -o -printf '%p %y %m %U:%G %l\n' | sort)
  cat "$root/etc/passwd" "$root/etc/group"
}
inside apt-get update -q >"$work/log" 2>&1 || { cat "$work/log" && exit 77; }
state >"$work/before"

cp "$package" "$root/tmp/package.deb"
expect 'it installs' inside apt-get install -q -y --no-install-recommends /tmp/package.deb
expect 'no package for building comes along' bash -c "! chroot '$root' dpkg-query -W | grep -E -- '-dev|^g\+\+|^cmake'"
expect 'the program runs' inside tunneld --version
expect 'the files are these' diff - <(inside dpkg-query -L tunneld | grep -vE '^/usr/share/(doc/tunneld/(docs|examples)/|man/man)|tunneld@\.service\.d' | sort) <<'END'
/.
/etc
/etc/tunneld
/etc/ufw
/etc/ufw/applications.d
/etc/ufw/applications.d/tunneld
/usr
/usr/lib
/usr/lib/firewalld
/usr/lib/firewalld/services
/usr/lib/firewalld/services/tunneld.xml
/usr/lib/firewalld/zones
/usr/lib/firewalld/zones/tunneld.xml
/usr/lib/systemd
/usr/lib/systemd/network
/usr/lib/systemd/network/80-tunneld.network
/usr/lib/systemd/networkd.conf.d
/usr/lib/systemd/networkd.conf.d/50-tunneld.conf
/usr/lib/systemd/system
/usr/lib/systemd/system/tunneld-kill-switch@.service
/usr/lib/systemd/system/tunneld-names.service
/usr/lib/systemd/system/tunneld-names.socket
/usr/lib/systemd/system/tunneld-wait@.service
/usr/lib/systemd/system/tunneld@.service
/usr/lib/sysusers.d
/usr/lib/sysusers.d/tunneld.conf
/usr/lib/tmpfiles.d
/usr/lib/tmpfiles.d/tunneld.conf
/usr/lib/udev
/usr/lib/udev/rules.d
/usr/lib/udev/rules.d/70-tunneld.rules
/usr/sbin
/usr/sbin/tunneld
/usr/share
/usr/share/bash-completion
/usr/share/bash-completion/completions
/usr/share/bash-completion/completions/tunneld
/usr/share/doc
/usr/share/doc/tunneld
/usr/share/doc/tunneld/CHANGELOG.md
/usr/share/doc/tunneld/LICENSE
/usr/share/doc/tunneld/README.md
/usr/share/doc/tunneld/SECURITY.md
/usr/share/doc/tunneld/changelog.gz
/usr/share/doc/tunneld/config
/usr/share/doc/tunneld/copyright
/usr/share/doc/tunneld/docs
/usr/share/doc/tunneld/examples
/usr/share/fish
/usr/share/fish/vendor_completions.d
/usr/share/fish/vendor_completions.d/tunneld.fish
/usr/share/lintian
/usr/share/lintian/overrides
/usr/share/lintian/overrides/tunneld
/usr/share/man
/usr/share/tunneld
/usr/share/tunneld/tunneld.schema.json
/usr/share/zsh
/usr/share/zsh/vendor-completions
/usr/share/zsh/vendor-completions/_tunneld
END
expect '/etc/tunneld is for root alone' test "$(stat -c '%a %u' "$root/etc/tunneld")" = '700 0'
# dead_links: names those of the installed documents that lead nowhere.
dead_links() {
  local document link dead=0
  for document in "$root"/usr/share/doc/tunneld/*.md "$root"/usr/share/doc/tunneld/docs/*.md; do
    while read -r link; do
      [ -e "$(dirname "$document")/$link" ] || { echo "${document#"$root"}: $link" && dead=1; }
    done < <(grep -oE '\]\([^)#:]+' "$document" | cut -c 3-)
  done
  return $dead
}
expect 'links of the documents lead somewhere' dead_links
expect 'an example is a configuration' inside bash -c 'cd /etc/tunneld && tunneld genkey -o server.key &&
  cp /usr/share/doc/tunneld/examples/server.yaml . && tunneld check --config server.yaml'

cp tests/package_completion.sh tests/package_completions.sh "$root/tmp/"
expect 'bash completes its words' inside bash /tmp/package_completion.sh
expect 'bash, zsh and fish offer every command and option' inside bash /tmp/package_completions.sh

# The same files with a higher version.
inside mkdir -p /var/lib/tunneld && touch "$root/var/lib/tunneld/tun0.leases"
inside systemctl enable tunneld@server >/dev/null 2>&1
higher() {
  local next=$work/next
  dpkg-deb -R "$package" "$next" && sed -i 's/^Version: .*/&+next/' "$next/DEBIAN/control" &&
    dpkg-deb --root-owner-group -b "$next" "$root/tmp/next.deb" && inside apt-get install -q -y /tmp/next.deb
}
expect 'a higher version takes its place' higher
expect 'which is the one that is there' bash -c "chroot '$root' dpkg-query -W tunneld | grep -q 'next$'"
expect 'configuration and leases stay over it' test -s "$root/etc/tunneld/server.key" -a -e "$root/var/lib/tunneld/tun0.leases"

expect 'it can be removed' inside apt-get remove -q -y tunneld
expect 'configuration and leases stay over that, too' test -s "$root/etc/tunneld/server.key" -a -e "$root/var/lib/tunneld/tun0.leases"
expect 'it can be purged' inside apt-get purge -q -y tunneld
expect 'what is the administrator'\''s stays' test -s "$root/etc/tunneld/server.key"
rm -r "$root/etc/tunneld"
expect 'what it needed can go, too' inside apt-get autoremove -q -y --purge \
  -o APT::AutoRemove::RecommendsImportant=false -o APT::AutoRemove::SuggestsImportant=false
state >"$work/after"
expect 'and nothing else is left' diff "$work/before" "$work/after"

# The same on a machine that is up, where NetworkManager and systemd-networkd are, too.
booted=$work/booted
machine=tunneld$$
# boot: fills /result of it. udev sees this machine's network namespace only; the rest of its hardware is not looked for.
boot() {
  printf '[Service]\nType=oneshot\nExecStart=/root/package_booted.sh\n' >"$booted/etc/systemd/system/package.service"
  ln -s ../package.service "$booted/etc/systemd/system/multi-user.target.wants/"
  ln -s /dev/null "$booted/etc/systemd/system/systemd-udev-trigger.service"
  rm -f "$booted/etc/machine-id" "$booted/etc/systemd/system/multi-user.target.wants/NetworkManager.service"
  touch "$booted/etc/machine-id"
  SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes timeout 900 systemd-nspawn -q -D "$booted" --machine="$machine" --boot --register=no \
    --keep-unit --private-network --capability=all --bind=/dev/net/tun </dev/null >"$work/log" 2>&1 &
  local container=$!
  while kill -0 $container 2>/dev/null && ! grep -qs '^DONE' "$booted/result"; do sleep 1; done
  kill $container 2>/dev/null
  wait $container
  cat "$booted/result"
}
if command -v systemd-nspawn >/dev/null; then
  debian_root "$suite" "$booted" systemd-sysv,udev,dbus,network-manager,iproute2,nftables,procps,python3-minimal
  # Its dependencies stay.
  cp "$package" "$booted/root/package.deb"
  cp "$root/tmp/next.deb" tests/package_booted.sh tests/booted_checks.sh "$booted/root/"
  printf '#!/bin/sh\nexit 101\n' >"$booted/usr/sbin/policy-rc.d"
  chmod +x "$booted/usr/sbin/policy-rc.d"
  chroot "$booted" sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends /root/package.deb && dpkg -P tunneld' \
    >"$work/log" 2>&1 || { cat "$work/log" && exit 77; }
  rm "$booted/usr/sbin/policy-rc.d"
  boot | sed 's/^/booted: /'
  grep -q '^DONE' "$booted/result" && ! grep -q '^FAILED' "$booted/result" || failed=1
else
  echo 'no systemd-nspawn here: not tried on a machine that is up'
fi

expect 'it installs again' inside apt-get install -q -y --no-install-recommends /tmp/package.deb
expect 'and is purged at once' inside apt-get purge -q -y tunneld
expect 'with /etc/tunneld, which is empty' test ! -e "$root/etc/tunneld"
exit $failed
