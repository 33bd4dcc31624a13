#!/usr/bin/env bash
# The main job, shown: two hosts (network namespaces) with a wire between them, and tunneld from one to the other over
# real tun devices. Installs what is needed, builds, prints routes before, during and after, a ping and an iperf3 through
# the tunnel, and leaves nothing behind. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "tests/demo.sh makes network namespaces and devices: run it as root" >&2
  exit 3
fi

say() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}

tests/install_packages.sh demo
say "Building"
cmake --preset release -DTUNNELD_TESTS=OFF >/dev/null
cmake --build --preset release --target tunneld
tunneld=$PWD/build/release/tunneld

a=demo-a-$$ b=demo-b-$$
dir=$(mktemp -d)
clean_up() {
  for ns in "$a" "$b"; do
    ip netns pids "$ns" 2>/dev/null | xargs -r kill 2>/dev/null || true
  done
  sleep 0.5
  ip netns del "$a" 2>/dev/null || true
  ip netns del "$b" 2>/dev/null || true
  rm -rf "$dir"
}
trap clean_up EXIT

say "Two hosts, 203.0.113.1 and 203.0.113.2, with a wire between them"
ip netns add "$a"
ip netns add "$b"
ip link add wire netns "$a" type veth peer name wire netns "$b"
ip -n "$a" address add 203.0.113.1/24 dev wire
ip -n "$b" address add 203.0.113.2/24 dev wire
for ns in "$a" "$b"; do
  ip -n "$ns" link set lo up
  ip -n "$ns" link set wire up
done
# The networks behind each host are one address each here.
ip -n "$a" address add 10.10.0.1/32 dev lo
ip -n "$b" address add 10.20.0.1/32 dev lo

say "Keys and configuration of both ends"
run "$tunneld" init site --dir "$dir"
say "Routes of the first host before"
run ip -n "$a" route

say "tunneld on both"
TUNNELD_RUN_DIR=$dir/run-a ip netns exec "$a" "$tunneld" --config "$dir/site-a/site.yaml" &
daemon_a=$!
TUNNELD_RUN_DIR=$dir/run-b ip netns exec "$b" "$tunneld" --config "$dir/site-b/site.yaml" &
daemon_b=$!
for _ in $(seq 50); do
  ip netns exec "$a" ping -c 1 -W 1 10.20.0.1 >/dev/null 2>&1 && break
  sleep 0.1
done

say "Routes of the first host with the tunnel"
run ip -n "$a" route
say "Ping and iperf3 from the network behind the first host to the one behind the second"
run ip netns exec "$a" ping -c 3 -i 0.3 -I 10.10.0.1 10.20.0.1
ip netns exec "$b" iperf3 -s -1 -D
sleep 0.5
run ip netns exec "$a" iperf3 -c 10.20.0.1 -B 10.10.0.1 -t 3 -f g | grep -E 'sender|receiver|Bitrate'
say "What tunneld says of it"
TUNNELD_RUN_DIR=$dir/run-a "$tunneld" status

say "Down"
TUNNELD_RUN_DIR=$dir/run-a "$tunneld" down
kill "$daemon_b"
wait "$daemon_a" "$daemon_b"
say "Routes of the first host after"
run ip -n "$a" route
