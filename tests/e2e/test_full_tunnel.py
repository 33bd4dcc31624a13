"""A client behind a NAT sends everything through its tunnel, IPv4 and IPv6, and nothing around it: not with routes that
a hostile DHCP server could bring (two halves of everything, a host route), not while the link flaps, and with the kill switch
not after a kill. The endpoint's name is looked up first. Afterwards the host is as it was."""
import signal
import subprocess

from harness import check, check_same_state, main, wait_for

INTERNET = ("198.51.100.80", "2001:db8:80::80")


def run(lab):
    # client --lan-- nat --net-- server, and the internet is an address of the server's.
    client, nat, server = lab.host("client"), lab.host("nat"), lab.host("server")
    lab.wire(client, ["192.168.1.2/24", "fd01::2/64"], nat, ["192.168.1.1/24", "fd01::1/64"], name_a="wire", name_b="lan")
    lab.wire(nat, ["203.0.113.1/24", "2001:db8::1/64"], server, ["203.0.113.2/24", "2001:db8::2/64"], name_a="net")
    for address in INTERNET:
        server.ip("address", "add", address + ("/32" if "." in address else "/128"), "dev", "lo")
    nat.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    nat.run(
        "nft",
        "add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; "
        "add rule inet nat post oifname net masquerade",
    )
    for via, everything in (("192.168.1.1", "default"), ("fd01::1", "default")):
        client.ip(*(["-6"] if ":" in via else []), "route", "add", everything, "via", via)
    nat.ip("route", "add", "198.51.100.0/24", "via", "203.0.113.2")
    nat.ip("-6", "route", "add", "2001:db8:80::/64", "via", "2001:db8::2")
    for address in INTERNET:
        wait_for(lambda at=address: client.reaches(at), 5, f"{address} without a tunnel: nothing is tested without it")

    keys = {host: lab.key(host) for host in (client, server)}
    lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.8.0.1/24", "fd08::1/64"], "listen_port": 51820},
            [{"name": "client", "public_key": keys[client], "allowed_ips": ["10.8.0.2/32", "fd08::2/128"]}],
        ),
    )
    # The resolver is on this side of the tunnel: a lookup that went inside would have no answer.
    client.ask_names_of("192.168.1.1")
    nat.serve_names("192.168.1.1").write_text("vpn.example.org 203.0.113.2")
    before = client.state()
    config = lab.config(
        client,
        {"addresses": ["10.8.0.2/24", "fd08::2/64"]},
        [
            {
                "name": "server",
                "public_key": keys[server],
                "endpoints": ["vpn.example.org:51820"],
                "allowed_ips": ["0.0.0.0/0", "::/0"],
                "persistent_keepalive": "1s",
            }
        ],
    )
    daemon = lab.start(client, config)
    wait_for(lambda: "fwmark 0xca6c" in client.ip("rule"), 10, "the full tunnel takes effect")
    wait_for(lambda: client.reaches(INTERNET[0]), 5, "the internet through the tunnel")

    def watch():
        """What leaves the client beside the tunnel, from here on."""
        watchers = {
            "leaks": "not arp and not (udp and dst host 203.0.113.2 and dst port 51820) and not icmp6 and not ip6 multicast",
            "echoes": "icmp6[0] == 128 or icmp6[0] == 129",
        }
        for words, what in watchers.items():
            watchers[words] = client.popen(
                "tcpdump",
                "-n",
                "-l",
                "-i",
                "wire",
                "-Q",
                "out",
                what,
                stdout=open(client.directory / f"{words}.txt", "w"),
                stderr=subprocess.DEVNULL,
            )
        wait_for(lambda: client.run("ss", "-0np").stdout.count("wire") == 2, 5, "tcpdump listens")
        return watchers

    def nothing_went_around(watchers):
        for words, process in watchers.items():
            process.send_signal(signal.SIGINT)
            process.wait(timeout=5)
            seen = (client.directory / f"{words}.txt").read_text()
            check(not seen.strip(), f"around the tunnel went: {seen}")

    watchers = watch()

    def everything_goes_inside(words):
        received = daemon.peer("server")["rx_packets"]
        for address in INTERNET + ("10.8.0.1", "fd08::1"):
            check(client.ping(address, count=2) == 2, f"{words}: {address}")
        check(daemon.peer("server")["rx_packets"] >= received + 8, f"{words}: not through the tunnel")

    everything_goes_inside("at rest")
    for route in ("0.0.0.0/1", "128.0.0.0/1", "198.51.100.80/32"):
        client.ip("route", "add", route, "via", "192.168.1.1", "dev", "wire")
    client.ip("-6", "route", "add", "2001:db8:80::80/128", "via", "fd01::1", "dev", "wire")
    everything_goes_inside("with routes of a hostile DHCP server")
    client.ip("link", "set", "wire", "down")
    check(not client.reaches(INTERNET[0]), "the link is down")
    client.ip("link", "set", "wire", "up")
    client.ip("address", "replace", "fd01::2/64", "dev", "wire", "nodad")
    for route in ("default", "0.0.0.0/1", "128.0.0.0/1", "198.51.100.80/32"):
        client.ip("route", "replace", route, "via", "192.168.1.1", "dev", "wire")
    client.ip("-6", "route", "replace", "default", "via", "fd01::1", "dev", "wire")
    wait_for(lambda: client.reaches(INTERNET[0]), 5, "the tunnel is back after the link was")
    everything_goes_inside("after the link was down")
    nothing_went_around(watchers)

    for route in ("0.0.0.0/1", "128.0.0.0/1", "198.51.100.80/32"):
        client.ip("route", "del", route)
    daemon.stop()
    check_same_state(before, client.state(), "after SIGTERM")
    daemon = lab.start(client, config)
    wait_for(lambda: "fwmark 0xca6c" in client.ip("rule"), 10, "the full tunnel takes effect again")
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    check("fwmark 0xca6c" in client.ip("rule"), "a rule outlives a kill: nothing is tested without it")
    client.run(lab.tunneld, "cleanup")
    check_same_state(before, client.state(), "after SIGKILL and cleanup")

    closed = lab.config(
        client,
        {"addresses": ["10.8.0.2/24", "fd08::2/64"]},
        [
            {
                "name": "server",
                "public_key": keys[server],
                "endpoints": ["203.0.113.2:51820"],
                "allowed_ips": ["0.0.0.0/0", "::/0"],
            }
        ],
        client={"kill_switch": True},
    )
    daemon = lab.start(client, closed)
    watchers = watch()
    everything_goes_inside("with the kill switch")
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    for address in INTERNET:
        check(not client.reaches(address), f"{address} after a kill")
    nothing_went_around(watchers)
    client.run(lab.tunneld, "cleanup")
    check(client.reaches(INTERNET[0]), "cleanup opens it")
    check_same_state(before, client.state(), "after a kill with the kill switch, and cleanup")


if __name__ == "__main__":
    main(run)
