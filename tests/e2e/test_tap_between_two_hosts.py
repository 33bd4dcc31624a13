"""A tap is an Ethernet card: ARP, IPv4, IPv6 with link-local addresses and neighbour discovery, multicast, VLANs, jumbo
frames, TCP and UDP in superpackets pass; its address survives a restart; status says tap, and what it has learned."""
from harness import check, main
from traffic import check_udp
from vlan import vlan_frames

VARIANTS = True


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    keys = {host: lab.key(host) for host in (a, b)}
    for host, other, n in ((a, b, 1), (b, a, 2)):
        peer = {"name": other.name, "public_key": keys[other], "endpoints": [f"203.0.113.{3 - n}:51820"]}
        interface = {"name": "tap0", "type": "tap", "listen_port": 51820, "addresses": [f"10.9.0.{n}/24", f"fd09::{n}/64"]}
        host.config_path = lab.config(host, interface, [peer])
        host.daemon = lab.start(host, host.config_path)

    check(a.ping("10.9.0.2") == 3, "ping")
    check(a.ping("fd09::2") == 3, "ping over IPv6")
    check(a.ping("10.9.0.2", size=1396 - 28) == 3, "a full packet")
    link_local = b.ip("-6", "-o", "address", "show", "dev", "tap0", "scope", "link").split()[3].split("/")[0]
    check(a.ping(f"{link_local}%tap0") == 3, "the link-local address")
    check(a.ping("ff02::1%tap0") == 3, "all nodes, by multicast")
    for address in ("10.9.0.2", "fd09::2"):
        tcp = a.iperf(b, address, seconds=1)
        check(tcp["bits_per_second"] > 10e6, f"TCP to {address}: {tcp}")
        check_udp(a, b, address)

    received = vlan_frames(a, "tap0", b, "tap0", vlan=7, count=50, size=1396)
    check(received == 50, f"{received} of 50 frames of VLAN 7")

    status = a.daemon.status()
    check(status["interface"]["type"] == "tap", f"status: {status['interface']}")
    peer = a.daemon.peer("b")
    check(peer["state"] == "up" and peer["extension"]["tap"], f"status: {peer}")
    check(peer["learned_addresses"] >= 1 and status["interface"]["switch"]["addresses_at_device"] >= 1, f"learned: {status}")
    wrong = {reason: n for reason, n in status["drops"].items() if n and reason in ("inner_malformed", "wrong_layer")}
    check(not wrong, f"dropped: {wrong}")

    # Another MTU by a reload, above what the path carries: fragments outside.
    address = a.ip("-o", "link", "show", "tap0")
    for host in (a, b):
        host.config_path.write_text(host.config_path.read_text().replace('"type": "tap"', '"type": "tap", "mtu": 9000'))
        host.run(lab.tunneld, "reload", "tap0")
    check(a.ping("10.9.0.2", size=9000 - 28) == 3, "a jumbo frame")
    check(a.iperf(b, "10.9.0.2", seconds=1)["bits_per_second"] > 10e6, "TCP over jumbo frames")

    a.daemon.stop()
    a.daemon = lab.start(a, a.config_path)
    mac = address.split("link/ether ")[1].split()[0]
    check(mac.startswith("fe:") and mac in a.ip("link", "show", "tap0"), "the same address after a restart")
    check(a.ping("10.9.0.2") == 3, "after a restart")


if __name__ == "__main__":
    main(run)
