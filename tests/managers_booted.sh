#!/bin/bash
# What tests/managers.sh runs as a unit of a booted machine of its own: the program that /root/manager names is reloaded and
# restarted, as docs/hosts.md sets it up, under a full tunnel with a kill switch. The peer is in the network namespace `far`, which
# counts every packet that comes in by the wire and is not the tunnel's, DHCP's or neighbour discovery's. A sender beside
# the tunnel tries every 2 ms.
exec >/result 2>&1
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8
manager=$(cat /root/manager)

. /root/booted_checks.sh
# For 20 s at most, or $patience.
soon() {
  local end=$((SECONDS + ${patience:-20}))
  while [ $SECONDS -lt $end ]; do
    "$@" && return
    sleep 0.1
  done
  return 1
}

# The wire, its other end, and 198.51.100.7 behind that.
ip link set lo up
ip netns add far
ip link add wire type veth peer name wire netns far
ip -n far link set lo up
ip -n far link set wire up
ip -n far address add 203.0.113.2/24 dev wire
ip -n far address add 2001:db8::2/64 dev wire nodad
ip -n far address add 198.51.100.7/32 dev lo
ip -n far address add 2001:db8:7::7/128 dev lo
ip netns exec far nft -f - <<'RULES'
table inet seen {
  counter outside {}
  set kinds { type nf_proto . inet_proto . inet_service; flags dynamic; }
  chain in {
    type filter hook prerouting priority raw
    iifname != "wire" accept
    # What is broadcast from here.
    fib saddr type local accept
    udp dport { 51820, 67, 547 } accept
    icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report, mld-listener-report, mld-listener-done } accept
    counter name outside
    add @kinds { meta nfproto . meta l4proto . @th,0,16 }
  }
}
RULES
outside() { ip netns exec far nft list counter inet seen outside | grep -o 'packets [0-9]*'; }
static_wire() {
  ip link set wire up
  ip address add 203.0.113.1/24 dev wire
  ip address add 2001:db8::1/64 dev wire nodad
  ip route add default via 203.0.113.2
  ip -6 route add default via 2001:db8::2
}
has_address() { ip -4 address show dev wire | grep -q 203.0.113.; }

# The two ends.
key=$(tunneld genkey -o /etc/tunneld/near.key)
far_key=$(tunneld genkey -o /etc/tunneld/far.key)
near() {
  cat >/etc/tunneld/near.yaml <<YAML
interface:
  { name: tun0, addresses: [10.9.0.1/24, "fd09::1/64"], private_key_file: near.key, dns: { servers: [10.9.0.2] } }
client: { kill_switch: true }
peers: [{ name: far, public_key: "$far_key", endpoints: ["$1"], allowed_ips: [0.0.0.0/0, "::/0"] }]
YAML
}
near 203.0.113.2:51820
cat >/etc/tunneld/far.yaml <<YAML
interface: { name: tun0, addresses: [10.9.0.2/24, "fd09::2/64"], listen_port: 51820, private_key_file: far.key }
peers: [{ name: near, public_key: "$key", allowed_ips: [10.9.0.1/32, "fd09::1/128"] }]
YAML
TUNNELD_RUN_DIR=/run/far TUNNELD_STATE_DIR=/run/far-state ip netns exec far tunneld --config /etc/tunneld/far.yaml >/far.log 2>&1 &

for to in 203.0.113.2 198.51.100.7 2001:db8:7::7; do
  python3 -c '
import socket, sys, time
sender = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wire")
while True:
    try: sender.sendto(b"secret", (sys.argv[1], 4444))
    except OSError: pass
    time.sleep(0.002)
' $to &
done

# From the start of the tunnel on, with this many packets counted.
start_tunnel() {
  is_heard() { [ "$(outside)" != 'packets 0' ]; }
  expect 'the sender is heard before' soon is_heard
  expect 'the tunnel starts' systemctl start tunneld@near
  udevadm settle
  process=$(systemctl show -p MainPID --value tunneld@near)
  expect 'and works' works soon
  sleep 0.5
  ip netns exec far nft flush set inet seen kinds
  before=$(outside)
}
through() { ping -q -c 1 -W 1 198.51.100.7 >/ping && ping -q -c 1 -W 1 2001:db8:7::7 >/ping; }
# The same with what one needs to know where it fails.
works() {
  "$@" through && return
  cat /ping
  tunneld status tun0
  ip neighbour show dev wire
  ip -brief address
  ip rule
  nft list ruleset | grep -A 40 tunneld
  false
}
names() { grep -m 1 ^nameserver /etc/resolv.conf | tee /dev/stderr | grep -qx 'nameserver 10.9.0.2'; }
# Who takes it away again and again gets it put back later and later, up to a minute, and status says so.
names_or_named() { names || tunneld status tun0 | grep -E 'MISSING.*dns'; }
nothing_missing() { tunneld status tun0 | tee /dev/stderr | is_not grep -E 'MISSING|not done'; }
same_process() { [ "$process" = "$(systemctl show -p MainPID --value tunneld@near)" ]; }
none_outside() { [ "$before" = "$(outside)" ] || { echo "before: $before, now: $(outside)" && ip netns exec far nft list set inet seen kinds && before=$(outside) && false; }; }

# step COMMAND...: after it the tunnel comes back by itself, and stays.
step() {
  local begin took
  expect "$*" "$@"
  begin=$(date +%s%N)
  expect "$*: the tunnel works" works soon
  took=$((($(date +%s%N) - begin) / 1000000))
  sleep 3
  expect "$*: and stays (was back after $took ms)" works
  expect "$*: the tunnel's name server is asked, or status names it" soon names_or_named
  patience=70 expect "$*: then nothing is missing" soon nothing_missing
  expect "$*: and the name server is asked" names
  expect "$*: 0 packets outside" none_outside
}

case $manager in
  firewalld)
    static_wire
    systemctl start firewalld
    expect 'firewalld knows the zone and the service' bash -c "firewall-cmd --info-zone=tunneld && firewall-cmd --info-service=tunneld"
    expect 'and finds no mistake' firewall-cmd --check-config
    start_tunnel
    commands() {
      firewall-cmd --permanent --add-service=tunneld &&
        firewall-cmd --permanent --zone=tunneld --add-interface=tun0 &&
        firewall-cmd --permanent --new-policy=tunnel &&
        firewall-cmd --permanent --policy=tunnel --add-ingress-zone=tunneld &&
        firewall-cmd --permanent --policy=tunnel --add-egress-zone=public &&
        firewall-cmd --permanent --policy=tunnel --set-target=ACCEPT &&
        firewall-cmd --reload
    }
    step commands
    expect 'the tunnel is in its zone' grep -qx tunneld <(firewall-cmd --get-zone-of-interface=tun0)
    actions() {
      step firewall-cmd --reload
      step firewall-cmd --complete-reload
      step systemctl reload firewalld
      step systemctl restart firewalld
      step systemctl stop firewalld
      step systemctl start firewalld
    }
    actions
    # Its filter of reverse paths is for IPv6 alone.
    systemctl stop tunneld@near
    near '[2001:db8::2]:51820'
    start_tunnel
    actions
    ;;
  ufw)
    static_wire
    commands() {
      ufw allow tunneld && ufw allow in on tun0 && ufw route allow in on tun0 out on wire
    }
    expect 'the commands of the page' commands
    expect 'it is enabled' ufw --force enable
    start_tunnel
    step ufw reload
    step ufw disable
    step ufw --force enable
    step systemctl restart ufw
    step systemctl stop ufw
    step systemctl start ufw
    ;;
  nftables)
    static_wire
    expect 'it starts' systemctl start nftables
    start_tunnel
    step systemctl reload nftables
    sleep 5
    step systemctl restart nftables
    sleep 5
    step systemctl stop nftables
    sleep 5
    step systemctl start nftables
    sed -i 's/^flush ruleset/flush table inet filter/' /etc/nftables.conf
    sleep 5
    step systemctl reload nftables
    ;;
  networkd)
    printf '[Match]\nName=tun* office server\n[Network]\nDHCP=ipv4\n' >/etc/systemd/network/99-all.network
    cat >/etc/systemd/network/10-wire.network <<'NETWORK'
[Match]
Name=wire
[Network]
Address=203.0.113.1/24
Address=2001:db8::1/64
Gateway=203.0.113.2
Gateway=2001:db8::2
IPv6AcceptRA=no
NETWORK
    systemctl start systemd-networkd
    expect 'it gives the wire its address' soon has_address
    start_tunnel
    leaves_alone() { networkctl list --no-legend --no-pager | tee /dev/stderr | grep -qE 'tun0.*unmanaged'; }
    expect 'it leaves the tunnel alone' soon leaves_alone
    step networkctl reload
    step networkctl reconfigure wire lo
    edited() { echo 'DHCPServer=no' >>/etc/systemd/network/10-wire.network && networkctl reload; }
    step edited
    down_and_up() { networkctl down wire && sleep 2 && networkctl up wire; }
    step down_and_up
    step systemctl restart systemd-networkd
    ;;
  NetworkManager)
    systemctl start NetworkManager
    soon nmcli general >/dev/null
    nmcli device set wire managed yes
    nmcli connection add type ethernet con-name uplink ifname wire ipv4.method manual ipv4.addresses 203.0.113.1/24 \
      ipv4.gateway 203.0.113.2 ipv4.dns 203.0.113.2 ipv6.method manual ipv6.addresses 2001:db8::1/64 ipv6.gateway 2001:db8::2
    nmcli connection up uplink
    expect 'it gives the wire its address' soon has_address
    start_tunnel
    leaves_alone() { nmcli -t -f DEVICE,STATE device | tee /dev/stderr | grep -q 'tun0:unmanaged'; }
    expect 'it leaves the tunnel alone' soon leaves_alone
    step nmcli general reload
    step nmcli connection up uplink
    step nmcli device reapply wire
    off_and_on() { nmcli networking off && sleep 2 && is_not has_address && nmcli networking on; }
    step off_and_on
    step systemctl restart NetworkManager
    ;;
  dhclient | resolvconf)
    if [ "$manager" = resolvconf ]; then
      expect 'resolvconf is installed' dpkg -i /root/resolvconf.deb
    fi
    serve() {
      [ -z "${server:-}" ] || { kill "$server" && wait "$server"; }
      ip netns exec far dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=wire --bind-interfaces --no-resolv --log-facility=- \
        --dhcp-authoritative --dhcp-leasefile=/run/far-leases --dhcp-range="$1,$2,2m" --dhcp-option=option:router,203.0.113.2 \
        --dhcp-option=option:dns-server,"$3" >/dnsmasq.log 2>&1 &
      server=$!
    }
    serve 203.0.113.10 203.0.113.19 203.0.113.2
    ip link set wire up
    sleep 1
    expect 'it has a lease' dhclient wire
    expect 'with a name server' grep -q 'nameserver 203.0.113.2' /etc/resolv.conf
    start_tunnel
    expect "the tunnel's name server is asked" soon names
    # After half of the lease's time, or by broadcast after 7/8 of it, where the tunnel has taken what was for the server.
    acknowledged_twice() { grep -c DHCPACK /dnsmasq.log | grep -qv '^[01]$'; }
    renewed() { patience=118 soon acknowledged_twice && has_address; }
    step renewed
    released() { dhclient -r wire && sleep 2 && is_not has_address && dhclient wire; }
    step released
    moved() {
      serve 203.0.113.30 203.0.113.39 203.0.113.3
      dhclient -x wire
      dhclient wire
      ip -4 address show dev wire
      ip -4 address show dev wire | grep -q 203.0.113.3.
    }
    step moved
    killed() { pkill -x dhclient; ip address flush dev wire && sleep 1 && dhclient wire; }
    step killed
    ;;
esac
expect 'the daemon is the one that was started' same_process
journalctl -u tunneld@near -o cat --no-pager | grep -iE 'warn|err|taken|put back' | sort | uniq -c | sort -rn | head -n 20 | sed 's/^/log: /'
expect 'it stops' systemctl stop tunneld@near
expect 'the kill switch is open' is_not grep tunneld <(nft list tables)
echo DONE
