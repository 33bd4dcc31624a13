"""A hub with paths of different width: the device keeps its MTU, and each peer's packets, those passed on from another peer
too, are held to what that peer's path carries; for a stock WireGuard peer that is what the kernel knows of the route.
mss_clamp keeps TCP below it without any ICMP."""
import re

import wireguard_go
from harness import check, main, wait_for
from path_mtu import path, told


def run(lab):
    hub, wide, narrow, stock = (lab.host(name) for name in ("hub", "wide", "narrow", "stock"))
    spokes = [(wide, 1, 1500), (narrow, 2, 1300), (stock, 3, 1400)]
    key = lab.key(hub)
    peers = []
    for spoke, n, mtu in spokes:
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        for host, name in ((hub, f"wire{n}"), (spoke, "wire")):
            host.ip("link", "set", name, "mtu", mtu)
        peers.append({"name": spoke.name, "public_key": lab.key(spoke), "allowed_ips": [f"10.9.0.{n}/32", f"fd09::{n}/128"]})
    hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    config = lab.config(
        hub, {"addresses": ["10.9.0.254/24", "fd09::fe/64"], "listen_port": 51820, "mss_clamp": "auto"}, peers
    )
    hub.daemon = lab.start(hub, config)
    for spoke, n, _ in spokes[:2]:
        config = lab.config(
            spoke,
            {"addresses": [f"10.9.0.{n}/24", f"fd09::{n}/64"]},
            [
                {
                    "name": "hub",
                    "public_key": key,
                    "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                    "allowed_ips": ["10.9.0.0/24", "fd09::/64"],
                }
            ],
        )
        spoke.daemon = lab.start(spoke, config)
    wireguard_go.start(
        lab,
        stock,
        "10.9.0.3/24",
        [
            "private-key",
            stock.directory / "private.key",
            "peer",
            key,
            "endpoint",
            "192.0.2.13:51820",
            "allowed-ips",
            "10.9.0.0/24",
        ],
    )
    for spoke, _, _ in spokes:
        check(spoke.ping("10.9.0.254") == 3, f"{spoke.name} to the hub")
    for name, mtu in (("wide", 1420), ("narrow", 1240), ("stock", 1320)):
        wait_for(lambda: path(hub, name)["mtu"] == mtu, 5, f"the path to {name}: {path(hub, name)}")
    check(path(hub, "wide")["source"] == "probed" and path(hub, "stock")["search"] == "off", "who is probed")
    check("mtu 1420 " in hub.ip("link", "show", "tun0"), "the device of several peers stays as it was")

    for n, mtu in ((1, 1420), (2, 1240), (3, 1320)):
        check(hub.ping(f"10.9.0.{n}", size=mtu - 28) == 3, f"the largest packet to 10.9.0.{n}")
        check(told(hub, f"10.9.0.{n}", mtu - 27) == mtu, f"IPv4 to 10.9.0.{n}: one byte more is answered with the MTU")
    check(told(hub, "fd09::2", 1300) == 1280, "IPv6 is told no less than 1280")
    check(hub.ping("fd09::2", size=1280 - 48) == 3, "and so much passes")
    # From one spoke to another: the error comes back through the tunnel.
    check(told(wide, "10.9.0.2", 1300) == 1240, "a packet that the hub passes on is answered")
    check(wide.ping("10.9.0.2", count=2, size=1350, fragments=True) == 2, "without DF it arrives in fragments")

    # TCP: what the SYNs announce is lowered on the way through the hub, both ways.
    tcp = wide.iperf_server()
    client = narrow.popen("iperf3", "-c", "10.9.0.1", "-t", "2")
    sockets = lambda: wide.run("ss", "-tino", "dst", "10.9.0.2").stdout
    wait_for(lambda: "mss:" in sockets(), 5, "a connection")
    sizes = {int(size) for size in re.findall(r"\bmss:(\d+)", sockets())}
    check(client.wait(timeout=20) == 0 and tcp.wait(timeout=5) == 0, "the transfer")
    check(max(sizes) <= 1240 - 40, f"segments of {sizes}")


if __name__ == "__main__":
    main(run)
