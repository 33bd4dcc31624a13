#!/usr/bin/env bash
# Makes tunneld_VERSION_ARCH.deb of what is committed, by debhelper: with this machine's tools (apt-get build-dep is not
# needed: what is missing is named), or with those of another Debian whose root stands in a folder (tests/package.sh makes one).
# The same commit gives the same file, wherever and whenever it is built.
#
#   packaging/build.sh [--arch ARCH] [--root FOLDER] [--output FOLDER]
#
# Prints the package's path; VERSION=1.2 names its version. --arch, arm64 say, builds for another architecture with Debian's cross
# compilers; what is needed for running then comes from a root that has both architectures.
set -euo pipefail
output=$PWD
root=
arch=
while [ $# -gt 0 ]; do
  case $1 in
    --arch) arch=$2 && shift 2 ;;
    --root) root=$(realpath "$2") && shift 2 ;;
    --output) output=$(realpath "$2") && shift 2 ;;
    *) echo "usage: $0 [--arch ARCH] [--root FOLDER] [--output FOLDER]" >&2 && exit 2 ;;
  esac
done
cd "$(dirname "$0")/.."
umask 022

# Before its release, a version sorts below it, and the later of two commits above the earlier one.
number=$(sed -n 's/^project(tunneld VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
if [ -z "${VERSION:-}" ]; then
  VERSION=$number
  git describe --exact-match --match "v$number" HEAD >/dev/null 2>&1 ||
    VERSION+="~$(TZ=UTC git log -1 --date=format-local:%Y%m%d.%H%M%S --format=%cd).$(git rev-parse --short=8 HEAD)"
fi

if [ -n "$root" ]; then temporary=$root/tmp; else temporary=${TMPDIR:-/tmp}; fi
work=$(mktemp -d "$temporary/tunneld-deb-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
tree=$work/tunneld
mkdir "$tree"
git archive HEAD | tar -xf - -C "$tree"
when=$(TZ=UTC git log -1 --date=rfc-local --format=%cd)

cd "$tree"
cp -r packaging/debian debian

# What is said elsewhere is taken from there.
build=$(sed -n '/^build=(/,/)/p' tests/install_packages.sh | tr -d '()' | sed 's/^build=//' | xargs)
build=$(echo "$build libipsec-mb-dev [amd64]" | sed 's/\bg++ //; s/ \([^[]\)/, \1/g')
sed -i "s/@build@/$build/" debian/control
license=$(sed '1,4d; s/^$/./; s/^/ /' LICENSE)
awk -v license="$license" '{ if ($0 == "@license@") print license; else print }' packaging/debian/copyright >debian/copyright
cat >debian/changelog <<END
tunneld ($VERSION) unstable; urgency=medium

  * What is new: /usr/share/doc/tunneld/CHANGELOG.md

 -- $(sed -n 's/^Maintainer: //p' debian/control)  $when
END

log=$work/log
command="cd '${tree#"$root"}' && exec dpkg-buildpackage --build=binary --no-sign ${arch:+--host-arch $arch}"
if ! env -u SOURCE_DATE_EPOCH LC_ALL=C.UTF-8 ${root:+chroot "$root"} bash -c "$command" >"$log" 2>&1; then
  { grep -E -A3 "rror:|Error at|FAILED" "$log" | head -n 40 && tail -n 10 "$log"; } >&2
  exit 1
fi
grep -E '^d(h|pkg)[_-].*warning' "$log" >&2 || true
cp "$work"/tunneld_*.deb "$output/"
ls "$output/$(basename "$work"/tunneld_*.deb)"
