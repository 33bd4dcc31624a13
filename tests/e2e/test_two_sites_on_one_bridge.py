"""Two hosts, each with a bridge and two machines on it, joined by a tap with the configurations of docs/layer2.md: one makes its
bridge, the other joins one that is there. ARP, ping, IPv6 autoconfiguration, leases of a real DHCP server, tagged frames and iperf3 pass from site to site."""
import json
import re

from harness import ROOT, check, check_same_state, main, wait_for
from vlan import vlan_frames

UDHCPC = """#!/bin/sh
[ "$1" != bound ] || ip address add "$ip/$mask" dev "$interface"
"""


def machine(lab, host, number, *addresses):
    """A host whose only wire ends as a port of `host`, to be put on its bridge."""
    one = lab.host(f"m{number}")
    lab.wire(host, [], one, [], name_a=f"port{number}", name_b="eth0")
    one.ip("link", "set", "eth0", "down", "addrgenmode", "eui64")
    one.ip("link", "set", "eth0", "up")
    for address in addresses:
        one.ip("address", "add", address, "dev", "eth0")
    return one


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    a1 = machine(lab, a, 1, "10.20.0.11/24", "fd20::11/64")
    a2 = machine(lab, a, 2, "10.20.0.12/24")
    b1 = machine(lab, b, 3, "10.20.0.21/24")
    b2 = machine(lab, b, 4)
    b.ip("link", "add", "lan", "type", "bridge")
    b.ip("link", "set", "lan", "up")
    for port in ("port3", "port4"):
        b.ip("link", "set", port, "master", "lan")
    for host in (a, b):
        # What a machine advertises is for machines.
        host.run("sysctl", "-qw", "net.ipv6.conf.default.accept_ra=0", "net.ipv6.conf.all.accept_ra=0")
        wait_for(lambda: "NO-CARRIER" not in host.ip("link", "show"), 5, "all wires carry")
    b.run("sysctl", "-qw", "net.ipv6.conf.lan.accept_ra=0")
    before = a.state(), b.state()

    keys = {"SITE-A": lab.key(a, "site-a.key"), "SITE-B": lab.key(b, "site-b.key")}
    blocks = re.findall(r"(?:^    .*\n)+", (ROOT / "docs/layer2.md").read_text(), re.M)
    configurations = [block for block in blocks if block.startswith("    interface:")]
    check(len(configurations) == 2, f"the page has {len(configurations)} configurations")
    daemons = {}
    for host, configuration in zip((a, b), configurations):
        for name, key in keys.items():
            configuration = configuration.replace(name, key)
        # Two machines on wires of their own, in place of one card with all machines behind it.
        path = host.directory / "site.yaml"
        path.write_text(configuration.replace("[eth1]", "[port1, port2]"))
        daemons[host] = lab.start(host, path)
    for host in (a, b):
        check("master" in host.ip("link", "show", "tap0"), f"the tap of {host.name} is no port")

    # A bridge's new ports listen for a moment only where STP is on: here frames pass at once.
    check(a2.ping("10.20.0.21", wait=3) == 3, "ping from site to site")
    check(a1.ping("10.20.0.12") == 3, "ping within the site")
    address = json.loads(b1.ip("-j", "link", "show", "eth0"))[0]["address"]
    check(f"10.20.0.21 dev eth0 lladdr {address}" in a2.ip("neigh", "show"), f"ARP: {a2.ip('neigh', 'show')}")
    check(a2.ping("10.20.0.21", size=1472) == 3, "a full packet of Ethernet")
    received = vlan_frames(a2, "eth0", b1, "eth0", vlan=7, count=50, size=1496)
    check(received == 50, f"{received} of 50 frames of VLAN 7")

    # A machine of one site serves the other: DHCP, and the prefix by router advertisements.
    server = a1.popen(
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=eth0",
        "--bind-interfaces",
        "--user=root",
        "--pid-file=",
        f"--dhcp-leasefile={a1.directory}/leases",
        "--dhcp-range=10.20.0.100,10.20.0.150,255.255.255.0",
        "--enable-ra",
        "--dhcp-range=fd20::,ra-only",
    )
    script = b2.directory / "udhcpc.sh"
    script.write_text(UDHCPC)
    script.chmod(0o755)
    b2.run("udhcpc", "-f", "-q", "-n", "-t", "10", "-i", "eth0", "-s", script)
    leased = re.search(r"inet (10\.20\.0\.1[0-9]{2})/24", b2.ip("address", "show", "eth0"))
    check(leased, f"no lease: {b2.ip('address', 'show', 'eth0')}")
    check(leased.group(1) in (a1.directory / "leases").read_text(), "the server knows of no lease")
    check(b2.ping("10.20.0.12") == 3, "ping by the leased address")
    wait_for(lambda: "inet6 fd20::" in b2.ip("address", "show", "eth0"), 15, "an address of the advertised prefix")
    check(b2.ping("fd20::11") == 3, "ping by the autoconfigured address")
    server.kill()

    for sender, receiver, target in ((a2, b1, "10.20.0.21"), (b1, a2, "10.20.0.12")):
        tcp = sender.iperf(receiver, target, seconds=1)
        check(tcp["bits_per_second"] > 10e6, f"TCP from {sender.name}: {tcp}")

    for host in (a, b):
        daemons[host].stop()
    check_same_state(before[0], a.state(), "after the end, where a bridge was made")
    check_same_state(before[1], b.state(), "after the end, where a bridge was joined")


if __name__ == "__main__":
    main(run)
