#!/bin/bash
# What tests/package.sh runs as a unit of a booted machine of its own: the package beside NetworkManager and systemd-networkd,
# started, upgraded with a closed kill switch, removed and purged. /root has package.deb and next.deb, of a higher version.
exec >/result 2>&1
export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin

. /root/booted_checks.sh
# For 10 s at most.
soon() {
  for _ in {1..100}; do
    "$@" && return
    sleep 0.1
  done
  return 1
}
# What a purge must have put back: files, but for what is made anew anyway, and the network.
state() {
  find /etc /usr /var/lib /run/tunneld -xdev \( -path /var/lib/dpkg -o -path /var/lib/systemd -o -path /var/lib/NetworkManager \) \
    -prune -o -printf '%p %y %m\n' 2>/dev/null | sort
  ip route show table all
  ip rule
  nft list ruleset
  ip -brief link
  sysctl -a 2>/dev/null | grep -E 'forward|accept_ra |rp_filter|src_valid_mark'
}

ip link set lo up
# What takes every device that nothing before it has taken.
printf '[Match]\nName=tun* office server\n[Network]\nDHCP=ipv4\n' >/etc/systemd/network/99-all.network
systemctl start NetworkManager systemd-networkd
soon nmcli general >/dev/null
state >/before

expect 'it installs' dpkg -i /root/package.deb
# As docs/hosts.md has it.
systemctl restart systemd-networkd
nmcli general reload conf
tunneld init server --dir /etc/tunneld --endpoint vpn.example.org
expect 'a server starts' systemctl enable --now tunneld@server
udevadm settle
expect 'udev marks its device' grep TUNNELD=1 <(udevadm info /sys/class/net/server)
unmanaged() { "$@" | tee /dev/stderr | grep -qE 'server.*unmanaged'; }
expect 'NetworkManager leaves it alone' soon unmanaged nmcli -t -f DEVICE,STATE device
expect 'systemd-networkd leaves it alone' soon unmanaged networkctl list --no-legend --no-pager
ip address show dev server >/addresses
nmcli networking off
soon grep -q asleep <(nmcli general)
nmcli networking on
soon is_not grep -q asleep <(nmcli general)
expect 'addresses stay when networking is switched off and on' diff /addresses <(ip address show dev server)

# A start that fails is tried again less and less often: the third pause is longer than the second, by steps of systemd 254.
mkdir -p /run/systemd/system/tunneld@failing.service.d
printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >/run/systemd/system/tunneld@failing.service.d/fails.conf
systemctl daemon-reload
# restarted TIMES: once that is so.
restarted() { [ "$(systemctl show -p NRestarts --value tunneld@failing)" -ge "$1" ]; }
backs_off() {
  local times=() round
  for round in 1 2 3; do
    soon restarted $round || return
    times+=("${EPOCHREALTIME/./}")
  done
  echo "$(((times[1] - times[0]) / 1000)) ms, then $(((times[2] - times[1]) / 1000)) ms"
  [ $((times[2] - times[1])) -gt $((times[1] - times[0] + 1000000)) ]
}
if [ "$(systemctl --version | sed -n 's/^systemd \([0-9]*\).*/\1/p')" -ge 254 ]; then
  expect 'there are restart steps' diff <(printf 'RestartSteps=6\nRestartMaxDelayUSec=1min\n') \
    <(systemctl show -p RestartSteps,RestartMaxDelayUSec tunneld@server | sort -r)
  systemctl start --no-block tunneld@failing
  expect 'a start that fails backs off' backs_off
  sed 's/^/    pauses of /' /said
else
  systemctl start --no-block tunneld@failing
  expect 'a start that fails is tried again' soon restarted 2
fi
systemctl stop tunneld@failing
rm -r /run/systemd/system/tunneld@failing.service.d
systemctl daemon-reload

# A full tunnel with a kill switch, under a name that no pattern knows, and a sender beside it, as often as it can.
key=$(tunneld genkey -o /etc/tunneld/far.key)
tunneld genkey -o /etc/tunneld/own.key >/dev/null
cat >/etc/tunneld/closed.yaml <<END
interface: { name: office, addresses: [10.9.0.1/24], private_key_file: own.key }
client: { kill_switch: true }
peers: [{ name: far, public_key: "$key", endpoints: ["203.0.113.2:51820"], allowed_ips: [0.0.0.0/0] }]
END
ip netns add far
ip link add wire type veth peer name wire netns far
nmcli device set wire managed no
ip address add 203.0.113.1/24 dev wire
ip link set wire up
ip -n far address add 203.0.113.2/24 dev wire
ip -n far link set wire up
ip netns exec far nft 'table ip seen { counter heard {}; chain in { type filter hook input priority 0; udp dport 4444 counter name heard; }; }'
heard() { ip netns exec far nft list counter ip seen heard | grep -o 'packets [0-9]*'; }
python3 -c '
import socket, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wire")
while True:
    try: sender.sendto(b"secret", ("203.0.113.2", 4444))
    except OSError: pass
    time.sleep(0.002)
' &
sender=$!
is_heard() { [ "$(heard)" != 'packets 0' ]; }
expect 'the sender is heard before' soon is_heard
systemctl start tunneld@closed
way() { ip rule && ip route show table all | grep office; }
way >/way
networkctl reload
networkctl reconfigure wire lo
sleep 2
expect 'routes and rules stay when systemd-networkd reconfigures' diff /way <(way)

before=$(heard)
process=$(systemctl show -p MainPID --value tunneld@closed)
expect 'it is upgraded' dpkg -i /root/next.deb
expect 'what ran runs again' systemctl is-active tunneld@closed tunneld@server
expect 'as the new program' test "$process" != "$(systemctl show -p MainPID --value tunneld@closed)"
expect "no packet got outside: $before" test "$before" = "$(heard)"

# The two versions take turns.
again() {
  local packages=(/root/package.deb /root/next.deb)
  for round in {1..20}; do
    systemctl restart tunneld@closed && systemctl reload tunneld@closed && dpkg -i "${packages[round % 2]}" &&
      systemctl is-active tunneld@closed || return
    local starts
    starts=$(systemctl show -p NRestarts --value tunneld@closed)
    kill -KILL "$(systemctl show -p MainPID --value tunneld@closed)" && soon is_not systemctl is-active -q tunneld@closed &&
      soon systemctl is-active -q tunneld@closed && [ "$(systemctl show -p NRestarts --value tunneld@closed)" -gt "$starts" ] || return
  done
}
begin=$SECONDS
expect '20 restarts, reloads, changes of version and kills' again
echo "    in $((SECONDS - begin)) s"
expect "no packet got outside meanwhile: $before" test "$before" = "$(heard)"

kill -KILL "$(systemctl show -p MainPID --value tunneld@closed)"
expect 'it is removed right after a kill' dpkg -r tunneld
expect 'nothing runs' is_not pgrep -x tunneld
expect 'the kill switch is open' is_not grep tunneld <(nft list tables)
expect 'keys stay' test -s /etc/tunneld/own.key
kill $sender
ip link delete wire
ip netns delete far
rm -r /etc/tunneld
expect 'it is purged' dpkg -P tunneld
state >/after
expect 'nothing is left' diff /before /after
echo DONE
