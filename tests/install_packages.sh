#!/usr/bin/env bash
# Installs what tunneld needs on Debian: to be built, to be shown (tests/demo.sh), or to be tested (tests/run.sh). Says which
# installed packages apt would upgrade on the way.
#
#   tests/install_packages.sh [build|demo|tidy|all]      without a word: build; tidy: for tests/tidy.sh
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libsodium-dev libb2-dev libboost-dev libspdlog-dev libyaml-cpp-dev
  libcli11-dev nlohmann-json3-dev libnl-3-dev libnl-route-3-dev libsystemd-dev libqrencode-dev libnftables-dev)
# ipsec-mb exists for x86-64 only; without it libsodium seals the packets.
[ "$(dpkg --print-architecture)" = amd64 ] && build+=(libipsec-mb-dev)
demo=(iproute2 iputils-ping iperf3)
unit_tests=(libgtest-dev libgmock-dev)
test=(python3 nftables procps tcpdump wireguard-go wireguard-tools strace util-linux systemd-container dbus libcap2-bin
  ethtool zbar-tools dnsmasq-base udhcpc clang-format black pyflakes3 shellcheck python3-jsonschema python3-yaml)

wanted=("${build[@]}")
case ${1:-build} in
  build) ;;
  demo) wanted+=("${demo[@]}") ;;
  tidy) wanted+=(clang-tidy-16) ;;
  all) wanted+=("${demo[@]}" "${unit_tests[@]}" "${test[@]}") ;;
  *) echo "$0: build, demo, tidy or all, not '$1'" >&2 && exit 2 ;;
esac

missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# A package for building needs the library that it belongs to in its own version, and may pull that up to the newest.
upgrades=$(apt-get install -s --no-install-recommends "${missing[@]}" | awk '/^Inst .* \[/ { print $2 }')
[ -z "$upgrades" ] || echo "Upgrading on the way: $(echo "$upgrades" | tr '\n' ' ')"
apt-get install -q -y --no-install-recommends "${missing[@]}"
