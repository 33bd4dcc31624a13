"""A path that carries less than Ethernet does, and becomes smaller in silence."""
import re
import time

from harness import check, wait_for


SILENCE = """
    table inet silence {{
      counter errors {{}}
      chain swallow {{ type filter hook {hook}
        {rule} counter name errors drop
      }}
    }}"""


def narrow(routers, mtu):
    """The wire between the routers carries no more than this."""
    for router in routers:
        router.ip("link", "set", "narrow", "mtu", mtu)


def network(lab):
    """a - router - router - b. The routers send no ICMP errors, and their fragments get nowhere: a black hole."""
    a, left, right, b = lab.host("a"), lab.host("l"), lab.host("r"), lab.host("b")
    lab.wire(a, ["192.0.2.1/24", "2001:db8:1::1/64"], left, ["192.0.2.254/24", "2001:db8:1::ff/64", "fe80::1/64"])
    lab.wire(b, ["198.51.100.1/24", "2001:db8:2::1/64"], right, ["198.51.100.254/24", "2001:db8:2::ff/64", "fe80::1/64"])
    # Routers ask for their neighbours by link-local addresses.
    lab.wire(
        left,
        ["203.0.113.1/24", "2001:db8:3::1/64", "fe80::1/64"],
        right,
        ["203.0.113.2/24", "2001:db8:3::2/64", "fe80::2/64"],
        "narrow",
        "narrow",
    )
    for host, four, six in (
        (a, "192.0.2.254", "2001:db8:1::ff"),
        (b, "198.51.100.254", "2001:db8:2::ff"),
        (left, "203.0.113.2", "2001:db8:3::2"),
        (right, "203.0.113.1", "2001:db8:3::1"),
    ):
        host.ip("route", "add", "default", "via", four)
        host.ip("-6", "route", "add", "default", "via", six)
    for router in (left, right):
        router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        router.run(
            "nft",
            "-f",
            "-",
            input=SILENCE.format(hook="output priority 0", rule="meta l4proto { icmp, icmpv6 } @th,0,8 { 2, 3 }"),
        )
    for host in (a, b):
        host.run("nft", "-f", "-", input=SILENCE.format(hook="prerouting priority -450", rule="ip frag-off & 0x3fff != 0"))
    return a, (left, right), b


def swallowed(host):
    counter = host.run("nft", "list", "counter", "inet", "silence", "errors").stdout
    return int(re.search(r"packets (\d+)", counter).group(1))


def tunnel(lab, a, b, addresses):
    keys = {a: lab.key(a), b: lab.key(b)}
    for host, other, n in ((a, b, 1), (b, a, 2)):
        peer = {
            "name": other.name,
            "public_key": keys[other],
            "endpoints": [addresses[other]],
            "allowed_ips": [f"10.9.0.{3 - n}/32", f"fd09::{3 - n}/128"],
        }
        config = lab.config(host, {"addresses": [f"10.9.0.{n}/24", f"fd09::{n}/64"], "listen_port": 51820}, [peer])
        host.daemon = lab.start(host, config)


def path(host, name="b"):
    return host.daemon.peer(name)["path"]


def found(host, mtu, seconds, name="b"):
    wait_for(
        lambda: path(host, name)["mtu"] == mtu and path(host, name)["search"] == "complete",
        seconds,
        f"the path MTU of {mtu}: {path(host, name)}",
    )


def told(host, address, size):
    """What ping hears when it sends too much: the MTU, or nothing."""
    output = host.run("ping", "-n", "-c", 2, "-i", 0.2, "-W", 1, "-M", "do", "-s", size, address, check_exit=False).stdout
    numbers = re.findall(r"mtu[ =:]+(\d+)", output, re.IGNORECASE)
    return int(numbers[-1]) if numbers else None


def transfer_over_a_shrinking_path(a, routers, b, outer):
    """10 MB a second while the path shrinks to 1280; returns the longest time in which nothing arrived."""
    b.iperf_server()
    client = a.popen("iperf3", "-c", "10.9.0.2", "-n", "40M", "-b", "20M")
    wait_for(lambda: b.daemon.peer("a")["rx_bytes"] > 5e6, 10, "the transfer runs")
    before = swallowed(routers[0]), swallowed(b)
    narrow(routers, 1280)
    received, at, longest = b.daemon.peer("a")["rx_bytes"], time.monotonic(), 0
    while client.poll() is None:
        check(time.monotonic() - at < 15, f"the transfer stalls over IPv{outer}: {path(a)}")
        now = b.daemon.peer("a")["rx_bytes"]
        if now > received + 20000:  # more than acknowledgements and probes
            longest, received, at = max(longest, time.monotonic() - at), now, time.monotonic()
        time.sleep(0.1)
    check(client.returncode == 0, "the transfer ended badly")
    # The probe that found it out had an ICMP error coming; over IPv4 the data before it came to pieces.
    check(swallowed(routers[0]) > before[0], "no ICMP error was swallowed: the fault was not there")
    check(outer == 6 or swallowed(b) > before[1], "no fragment was swallowed: the fault was not there")
    return longest


def check_path(lab, outer):
    """Tunnelds on both ends of it, over IPv4 or IPv6."""
    a, routers, b = network(lab)
    addresses = {
        4: {a: "192.0.2.1:51820", b: "198.51.100.1:51820"},
        6: {a: "[2001:db8:1::1]:51820", b: "[2001:db8:2::1]:51820"},
    }[outer]
    overhead = 60 if outer == 4 else 80
    narrow(routers, 1452)  # PPPoE over PPPoE, so to say: known from the start, and nobody says so
    tunnel(lab, a, b, addresses)
    check(a.ping("10.9.0.2") == 3, "ping")
    found(a, 1452 - overhead, 15)
    found(b, 1452 - overhead, 15, "a")
    check(path(a)["source"] == "probed" and path(a)["outer_mtu"] == 1452, f"status: {path(a)}")
    check(0 < path(a)["rtt_ms"] < 1000, f"status: {path(a)}")
    inner = 1452 - overhead
    wait_for(lambda: f"mtu {inner} " in a.ip("link", "show", "tun0"), 3, "a single peer: the device follows")
    check(a.ping("10.9.0.2", size=inner - 28) == 3, "the largest packet passes over IPv4")
    check(a.ping("fd09::2", size=inner - 48) == 3, "the largest packet passes over IPv6")
    check(told(a, "10.9.0.2", inner - 28 + 1) == inner, "IPv4: one byte more is answered with the MTU")

    longest = transfer_over_a_shrinking_path(a, routers, b, outer)
    check(longest <= 10, f"IPv{outer}: nothing arrived for {longest:.1f} s")
    found(a, 1280 - overhead, 15)
    # The other direction finds out by its own large packets.
    wait_for(
        lambda: b.ping("10.9.0.1", size=1280 - overhead, count=1, wait=1) + 1 and path(b, "a")["mtu"] == 1280 - overhead,
        10,
        f"b has found out too: {path(b, 'a')}",
    )
    check("mtu 1280 " in a.ip("link", "show", "tun0"), "the device stays fit for IPv6")
    # The device takes 1280 and the path less: now it is we who answer.
    inner = 1280 - overhead
    check(told(a, "10.9.0.2", inner - 28 + 1) == inner, "IPv4: we answer with the path's MTU")
    check(a.ping("10.9.0.2", size=inner - 28) == 3, "the largest packet passes over IPv4")
    if outer == 6:
        check(a.ping("fd09::2", size=1280 - 48) == 3, "IPv6 inside may always have 1280 bytes: in outer fragments")
    lab.check_nothing_left()
    print(f"IPv{outer} outside: longest stall {longest:.1f} s")
