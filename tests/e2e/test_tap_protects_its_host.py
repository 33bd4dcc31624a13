"""What a peer of a tap cannot do to the hub, on a tap alone and on a bridge: become its IPv6 router by an advertisement, take
the address of its bridge, or reach another peer through its forwarding. Machines behind the bridge get advertisements."""
import json

from harness import check, main, wait_for

# A router advertisement of fe80::bad, for half an hour, with a prefix.
ADVERTISE = """
import socket, struct, sys
source = bytes.fromhex("fe80") + bytes(12) + b"\\x0b\\xad"
target = bytes.fromhex("ff02") + bytes(13) + b"\\x01"
prefix = struct.pack("!BBBBIII", 3, 4, 64, 0xc0, 3600, 3600, 0) + bytes.fromhex("fd66") + bytes(14)
message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix
pseudo = source + target + struct.pack("!II", len(message), 58)
total = sum(struct.unpack(f"!{len(pseudo + message) // 2}H", pseudo + message))
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
message = message[:2] + struct.pack("!H", ~total & 0xffff) + message[4:]
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packets.bind((sys.argv[1], 0))
tag = bytes.fromhex(sys.argv[2] if len(sys.argv) > 2 else "")
packets.send(bytes.fromhex("333300000001") + b"\\x02\\xba\\xd0\\xba\\xd0\\x01" + tag + b"\\x86\\xdd" + struct.pack("!IHBB", 6 << 28, len(message), 58, 255)
             + source + target + message)
"""
SPOOF = """
import socket, sys
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
packets.bind(("tap0", 0))
for _ in range(20):
    packets.send(b"\\xff" * 6 + bytes.fromhex(sys.argv[1].replace(":", "")) + b"\\x88\\xb5" + bytes(46))
"""


# Of what comes to a bridge: advertisements that are known to be a peer's, in a VLAN or not.
SEEN = """table bridge seen {
  counter marked { }
  chain input {
    type filter hook input priority 210;
    meta mark & 0x10000000 == 0x10000000 meta protocol ip6 meta l4proto 58 @th,0,8 134 counter name marked;
  }
}"""


def seen(host, counter):
    listing = json.loads(host.run("nft", "-j", "list", "counters", "table", "bridge", "seen").stdout)["nftables"]
    return next(entry["counter"]["packets"] for entry in listing if entry.get("counter", {}).get("name") == counter)


def mac(host, name):
    return json.loads(host.ip("-j", "link", "show", name))[0]["address"]


def routers(host):
    return "fe80::bad" in host.ip("-6", "route", "show", "default")


def run(lab):
    hub, spokes = lab.host("hub"), [lab.host(f"s{n}") for n in (1, 2)]
    machine = lab.host("machine")
    lab.wire(hub, [], machine, [], name_a="lan", name_b="eth0")
    hub_key, keys = lab.key(hub), [lab.key(spoke) for spoke in spokes]
    peers = [{"name": f"s{n}", "public_key": key} for n, key in enumerate(keys, 1)]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
        lab.start(
            spoke,
            lab.config(
                spoke,
                {"name": "tap0", "type": "tap", "addresses": [f"10.9.0.{n}/24"]},
                [
                    {
                        "name": "hub",
                        "public_key": hub_key,
                        "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                        "persistent_keepalive": "1s",
                    }
                ],
            ),
        )
    hub.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    before = hub.run("nft", "list", "ruleset").stdout

    def start(place, **sections):
        interface = {"name": "tap0", "type": "tap", "addresses": ["10.9.0.254/24"], "listen_port": 51820}
        if place == "br0":
            interface["bridge"] = {"name": "br0", "create": True, "members": ["lan"]}
        daemon = lab.start(hub, lab.config(hub, interface, peers, **sections))
        for spoke in spokes:
            spoke.ip("neigh", "flush", "to", "10.9.0.254", "dev", "tap0")
            wait_for(lambda: spoke.reaches("10.9.0.254"), 10, f"{spoke.name} reaches the hub")
        # Each takes the hub for the way to the other.
        for spoke, other in ((spokes[0], 2), (spokes[1], 1)):
            spoke.ip("neigh", "replace", f"10.9.0.{other}", "lladdr", mac(hub, place), "dev", "tap0")
        return daemon

    for place in ("tap0", "br0"):
        daemon = start(place)
        check(not spokes[0].reaches("10.9.0.2"), f"{place}: a spoke reaches another one through the hub's forwarding")
        spokes[0].run("python3", "-c", ADVERTISE, "tap0")
        if place == "br0":
            wait_for(lambda: routers(machine), 5, "a machine behind the bridge hears the advertisement")
            # In a VLAN, which the host may have an interface of on the bridge, it is known as well.
            hub.run("nft", SEEN)
            spokes[0].run("python3", "-c", ADVERTISE, "tap0", "81000007")
            wait_for(lambda: seen(hub, "marked") == 1, 5, "a tagged advertisement comes to the bridge")
            hub.run("nft", "delete table bridge seen")
            dropped = daemon.status()["drops"]["source_not_allowed"]
            spokes[0].run("python3", "-c", SPOOF, mac(hub, "br0"))
            wait_for(
                lambda: daemon.status()["drops"]["source_not_allowed"] >= dropped + 20, 5, "the bridge's address is refused"
            )
            hub.ip("link", "set", "br0", "address", "02:00:00:00:00:99")
            for spoke in spokes:
                spoke.ip("neigh", "flush", "to", "10.9.0.254", "dev", "tap0")
            wait_for(lambda: spokes[1].reaches("10.9.0.254"), 10, "the hub at its new address")
            spokes[0].run("python3", "-c", SPOOF, mac(hub, "br0"))
            wait_for(lambda: daemon.status()["drops"]["source_not_allowed"] >= dropped + 40, 5, "and so is its new one")
        check(spokes[0].ping("10.9.0.254") == 3, f"{place}: the hub is reached all the same")
        check(not routers(hub), f"{place}: a peer is the hub's router: {hub.ip('-6', 'route')}")
        daemon.stop()
        check(hub.run("nft", "list", "ruleset").stdout == before, f"{place}: rules stay")

    # What is refused is what these frames would do: with leave they do it.
    daemon = start("tap0", switch={"client_to_client": True, "router_advertisements": True})
    check(spokes[0].ping("10.9.0.2") == 3, "through the hub, when they may")
    spokes[0].run("python3", "-c", ADVERTISE, "tap0")
    wait_for(lambda: routers(hub), 5, "a router, when it may")


if __name__ == "__main__":
    main(run)
