#!/usr/bin/env bash
# Builds tunneld as its README says on Debian 13 (gcc 14, Boost 1.83, spdlog 1.15), in a root that mmdebstrap makes, and runs
# the unit tests there. Packages come from where this machine gets its own. Needs root, mmdebstrap and about 3 GB in TMPDIR.
#
#   sudo tests/debian13.sh [--build-only] [GTEST_FILTER]     exit 0: built and passed; 77: no root can be made here
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build_only=false
[ "${1:-}" = --build-only ] && build_only=true && shift
filter=${1:-*}

. tests/debian_root.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/tunneld-debian13-XXXXXX")
root=$work/root
cleanup() {
  # Whatever is mounted below stays out of this.
  umount "$root/proc" "$root" 2>/dev/null
  rm -rf --one-file-system "$work"
}
trap cleanup EXIT

# What is needed for building, and what the unit tests run.
debian_root trixie "$root" "$(build_packages)libgtest-dev,libgmock-dev,iproute2,nftables,iputils-ping"
echo "root: $(chroot "$root" cat /etc/debian_version), $(chroot "$root" g++ --version | head -n 1)," \
  "Boost $(chroot "$root" dpkg-query -W -f='${Version}' libboost-dev), spdlog $(chroot "$root" dpkg-query -W -f='${Version}' libspdlog-dev)"

# What is committed, so that the outcome is that of a commit.
mkdir "$root/src"
git archive HEAD | tar -xf - -C "$root/src"
# A mount of its own, because some tests make mounts private, which only a mount can be.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mkdir -p "$root/dev/net"
mknod -m 666 "$root/dev/net/tun" c 10 200

programs="base_test crypto_test net_test protocol_test config_test host_test push_test daemon_test commands_test simulation_test"
jobs=${JOBS:-$(nproc)}
# The preset that the README names; TUNNELD_BUILD_TYPE is for a quick look.
build() {
  chroot "$root" bash -c "cd /src && cmake --preset release ${TUNNELD_BUILD_TYPE:+-DCMAKE_BUILD_TYPE=$TUNNELD_BUILD_TYPE} &&
    cmake --build --preset release -j $jobs --target $*" >>"$work/log" 2>&1
}
: >"$work/log"
targets="tunneld $programs"
$build_only && targets=tunneld
# shellcheck disable=SC2086  # several targets
if ! build $targets; then
  grep -E 'error|warning|FAILED' "$work/log" | head -n 40
  echo "debian 13: does not build"
  exit 1
fi
echo "built (${TUNNELD_BUILD_TYPE:-Release}), with $(grep -c 'warning:' "$work/log") warnings"
grep 'warning:' "$work/log"
chroot "$root" /src/build/release/tunneld --version || exit 1
$build_only && exit 0

failed=0
for program in $programs; do
  # In a network namespace of its own: these tests make devices and rules.
  unshare -n bash -c "ip link set lo up && exec chroot '$root' bash -c \"cd /src && build/release/tests/$program --gtest_filter='$filter' --gtest_brief=1\"" \
    >"$work/log" 2>&1
  status=$?
  echo "$program: $(grep -E '^\[  PASSED|^\[  SKIPPED|FAILED TEST' "$work/log" | tr -s ' \n' ' ')exit $status"
  [ $status = 0 ] && continue
  failed=1
  grep -A12 -E 'Failure|^\[  FAILED' "$work/log" | head -n 60
done
exit $failed
