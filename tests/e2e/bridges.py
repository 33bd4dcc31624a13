"""What the tests of bridges share: two hosts with taps, and a machine behind the first one's bridge."""


def hosts(lab, bridge):
    """Hosts a and b with a wire between them; a's tap is a port of `bridge`, b's has 10.9.0.2. A machine with 10.9.0.3 is
    wired to a's interface lan, which nobody has set up for the bridge yet. Returns a, b, the machine."""
    a, b, machine = lab.host("a"), lab.host("b"), lab.host("machine")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    lab.wire(a, [], machine, "10.9.0.3/24", name_a="lan")
    keys = {host: lab.key(host) for host in (a, b)}
    for host, other, n in ((a, b, 1), (b, a, 2)):
        peer = {"name": other.name, "public_key": keys[other], "endpoints": [f"203.0.113.{3 - n}:51820"]}
        interface = {"name": "tap0", "type": "tap", "listen_port": 51820, "addresses": [f"10.9.0.{n}/24"], "mtu": 1500}
        if host is a:
            interface["bridge"] = bridge
        host.interface, host.peers = interface, [peer]
        host.config_path = lab.config(host, interface, [peer])
    return a, b, machine
