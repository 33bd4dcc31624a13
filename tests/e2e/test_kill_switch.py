"""With `kill_switch`, nothing but the tunnel's own packets and the allowed local network leaves by another way: while it
runs, after SIGKILL, while the next one starts and where that fails. `down` and `cleanup` open it. Packets to the tunnel's
address that somebody on the wire injects are dropped."""
import re
import signal
import time

from harness import check, check_same_state, main, wait_for


def run(lab):
    client, server = lab.host("client"), lab.host("server")
    lab.wire(
        client,
        ["203.0.113.1/24", "192.168.7.1/24", "2001:db8::1/64"],
        server,
        ["203.0.113.2/24", "203.0.113.9/24", "192.168.7.2/24", "192.168.8.2/24", "2001:db8::2/64", "2001:db8::9/64"],
    )
    client.ip("route", "add", "default", "via", "203.0.113.2")
    client.ip("route", "add", "default", "via", "2001:db8::2")
    server.ip("address", "add", "198.51.100.1/32", "dev", "lo")
    keys = {host: lab.key(host) for host in (client, server)}
    before = client.state()
    lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.9.0.2/24", "fd09::2/64"], "listen_port": 51820},
            [{"name": "client", "public_key": keys[client], "allowed_ips": ["10.9.0.1/32", "fd09::1/128"]}],
        ),
    )
    config = lab.config(
        client,
        {"addresses": ["10.9.0.1/24", "fd09::1/64"]},
        [
            {
                "name": "server",
                "public_key": keys[server],
                "endpoints": ["203.0.113.2:51820"],
                "allowed_ips": ["10.9.0.2/32", "fd09::2/128"],
            }
        ],
        client={"kill_switch": True, "local_networks": ["192.168.7.0/24"]},
    )

    # Everything on the physical side that comes from the client and is neither of the tunnel nor of the local network.
    def sniff(name):
        log = open(client.directory / name, "w")
        sniffer = server.popen(
            "tcpdump",
            "-nn",
            "-l",
            "--immediate-mode",
            "-Q",
            "in",
            "-i",
            "wire",
            "not (udp and dst port 51820) and not (udp src port 68 and dst port 67) and not net 192.168.7.0/24 and not arp and not icmp6[0] = 135 "
            "and not icmp6[0] = 136 and not icmp6[0] = 133 and not icmp6[0] = 143 and not ip6 multicast",
            stdout=log,
        )
        wait_for(lambda: "listening on" in (client.directory / name).read_text(), 5, "tcpdump")
        return sniffer

    def foreign(name):
        time.sleep(0.2)
        return [line for line in (client.directory / name).read_text().splitlines() if re.match(r"\d\d:\d\d:\d\d", line)]

    # A program that does all it can to get out: bound to the device, both families, every 10 ms.
    escape = """
import socket, time, itertools
sockets = []
for family, address in ((socket.AF_INET, "203.0.113.9"), (socket.AF_INET, "198.51.100.1"), (socket.AF_INET6, "2001:db8::9")):
    for bound in (False, True):
        s = socket.socket(family, socket.SOCK_DGRAM)
        if bound: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wire")
        sockets.append((s, address))
while True:
    for s, address in sockets:
        try: s.sendto(b"secret", (address, 4444))
        except OSError: pass
    time.sleep(0.01)
"""
    sniff("open.txt")
    program = client.popen("python3", "-c", escape)
    # Both families: what still waits for its neighbour's address now would leave later, and was let out before.
    wait_for(
        lambda: sum("IP6" in line for line in foreign("open.txt")) > 12,
        10,
        "without the kill switch the program gets out, and it is seen",
    )
    program.kill()
    program.wait()

    daemon = lab.start(client, config)
    check(client.reaches("10.9.0.2") or client.reaches("10.9.0.2"), "through the tunnel")
    sniff("closed.txt")
    client.popen("python3", "-c", escape)
    check(client.reaches("192.168.7.2"), "the allowed local network")
    check(not client.reaches("192.168.8.2") and not client.reaches("203.0.113.9"), "nothing else")
    check(client.ping("2001:db8::9", count=1, wait=1) == 0, "nor by IPv6")
    check(client.reaches("10.9.0.2") and client.reaches("fd09::2"), "the tunnel works")

    # The mark alone is no way out: neither with the right port for a user who may send raw packets, nor for root with another.
    marked = """
import socket, struct, sys
mark, port = int(sys.argv[1]), int(sys.argv[2])
kind = (socket.SOCK_RAW, socket.IPPROTO_UDP) if port else (socket.SOCK_DGRAM, 0)
s = socket.socket(socket.AF_INET, *kind)
s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
payload = struct.pack(">HHHH", port, 4444, 14, 0) + b"secret" if port else b"secret"
try: s.sendto(payload, ("203.0.113.9", 4444))
except OSError as error: print("refused", error.errno)
else: print("sent")
"""
    port = daemon.status()["interface"]["listen_port"]
    raw = ("setpriv", "--reuid=65534", "--inh-caps=+net_raw", "--ambient-caps=+net_raw")
    said = [
        client.run(*raw, "python3", "-c", marked, 51820, port).stdout,
        client.run("python3", "-c", marked, 51820, 0).stdout,
    ]
    check(all("refused 1\n" == words for words in said), f"a program with the tunnel's mark gets out: {said}")

    # Nor are the ports of DHCP, or what neighbours say to each other, for anybody who wants to tell somebody far away something.
    client.run("sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=0")
    disguised = """
import socket, struct
def say(kind, send):
    try: send()
    except OSError as error: print(kind, "refused", error.errno)
    else: print(kind, "sent")
def dhcp(family, source, target, address):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", source))
    s.sendto(b"secret", (address, target))
def discovery(kind, address):
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
    s.sendto(struct.pack(">BBHI16s", kind, 0, 0, 0, b"secretsecretsecr"), (address, 0))
say("DHCP", lambda: dhcp(socket.AF_INET, 68, 67, "203.0.113.9"))
say("DHCPv6", lambda: dhcp(socket.AF_INET6, 546, 547, "2001:db8::9"))
say("solicitation", lambda: discovery(135, "2001:db8::9"))
say("advertisement", lambda: discovery(136, "2001:db8::9"))
say("router", lambda: discovery(133, "2001:db8::9"))
"""
    kinds = ("DHCP", "DHCPv6", "solicitation", "advertisement", "router")
    said = client.run(*raw, "python3", "-c", disguised).stdout
    check(said == "".join(f"{kind} refused 1\n" for kind in kinds), f"in disguise: {said}")
    # A lease is renewed by a user of the system (systemd-networkd's), with a server that may be far away; the rest stays on the link.
    said = client.run("setpriv", "--reuid=100", *raw[2:], "python3", "-c", disguised).stdout
    check(said == "DHCP sent\n" + "".join(f"{kind} refused 1\n" for kind in kinds[1:]), f"a user of the system: {said}")

    # Somebody on the wire sends to the tunnel's address (CVE-2019-14899), and is not answered, nor heard.
    server.ip("route", "add", "10.9.0.1/32", "via", "203.0.113.1", "table", "77")
    server.ip("rule", "add", "from", "203.0.113.2", "to", "10.9.0.1", "table", "77")
    server.ping("10.9.0.1", count=3, wait=1, source="203.0.113.2")
    rules = client.run("nft", "list", "table", "inet", "tunneld-tun0").stdout
    injected = re.search(r"counter injected {\s+packets (\d+)", rules)
    check(injected and int(injected.group(1)) >= 3, f"injected packets are dropped:\n{rules}")

    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    time.sleep(0.3)
    # A start that fails leaves it closed; the next one takes over; and once more over that one.
    client.ip("link", "add", "tun0", "type", "veth", "peer", "name", "other")
    failed = lab.start(client, config, ready=False)
    check(failed.process.wait(timeout=10) != 0, "the device is somebody else's")
    client.ip("link", "del", "tun0")
    for _ in range(3):
        daemon = lab.start(client, config)
        check(client.reaches("10.9.0.2") or client.reaches("10.9.0.2"), "through the tunnel again")
        client.run(lab.tunneld, "reload")
        daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    daemon = lab.start(client, config)
    # The device goes while it runs: it ends, and not by our wish.
    client.ip("link", "del", "tun0")
    check(daemon.process.wait(timeout=10) != 0, "ends without its device")
    time.sleep(0.2)
    leaked = foreign("closed.txt")
    check(not leaked, f"{len(leaked)} packets got out: {leaked[:5]}")
    leaks = re.search(r"counter leaks {\s+packets (\d+)", client.run("nft", "list", "table", "inet", "tunneld-tun0").stdout)
    check(leaks and int(leaks.group(1)) > 100, "the program tried all the time")

    client.run(lab.tunneld, "cleanup")
    wait_for(lambda: foreign("closed.txt"), 5, "cleanup opens it")
    check_same_state(before, client.state(), "after cleanup")
    lab.start(client, config)
    check(not client.reaches("203.0.113.9"), "closed again")
    client.run(lab.tunneld, "down")
    wait_for(lambda: client.reaches("203.0.113.9"), 5, "down opens it")
    check_same_state(before, client.state(), "after down")


if __name__ == "__main__":
    main(run)
