#!/usr/bin/env bash
# Installs what building and testing tunneld needs on Debian 12. Called by tests/run.sh and tests/demo.sh.
set -euo pipefail

build=(g++ cmake ninja-build pkg-config libsodium-dev libb2-dev libboost-dev libspdlog-dev libyaml-cpp-dev
  libcli11-dev nlohmann-json3-dev libnl-3-dev libnl-route-3-dev libsystemd-dev libqrencode-dev libnftables-dev libgtest-dev libgmock-dev)
# ipsec-mb exists for x86-64 only; without it libsodium seals the packets.
[ "$(dpkg --print-architecture)" = amd64 ] && build+=(libipsec-mb-dev)
test=(iproute2 iputils-ping iperf3 python3 nftables procps tcpdump wireguard-go wireguard-tools strace util-linux
  systemd-container dbus libcap2-bin ethtool zbar-tools dnsmasq-base udhcpc clang-format black python3-pyflakes shellcheck)

missing=()
for package in "${build[@]}" "${test[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
