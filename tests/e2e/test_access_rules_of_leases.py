"""A restricted peer with an address from the pool reaches what its rules list and nothing more, from its first packet on, after
a restart with kept leases too, and a reload frees and restricts it; a peer beside it is not restricted."""
import signal
import subprocess
import time

from harness import check, check_same_state, main, wait_for


def run(lab):
    server, lan = lab.host("server"), lab.host("lan")
    clients = {name: lab.host(name) for name in ("guest", "free")}
    addresses = ["10.1.0.2", "10.1.0.3", "fd01::2", "fd01::3"]
    # Routers ask for their neighbours by link-local addresses.
    lab.wire(
        server,
        ["10.1.0.1/24", "fd01::1/64", "fe80::1/64"],
        lan,
        [f"{a}/{64 if ':' in a else 24}" for a in [*addresses, "fe80::2"]],
        name_a="lan0",
    )
    lan.ip("route", "add", "10.9.0.0/24", "via", "10.1.0.1")
    lan.ip("route", "add", "fd09::/64", "via", "fd01::1")
    key, keys = lab.key(server), {name: lab.key(host) for name, host in clients.items()}

    def config(without_guest=None, **rules):
        """`without_guest`: what the other client is given instead."""
        return lab.config(
            server,
            {"addresses": ["10.9.0.1/24", "fd09::1/64"], "listen_port": 51820},
            [
                {
                    "name": name,
                    "public_key": keys[name],
                    **(rules if name == "guest" else {"allowed_ips": without_guest} if without_guest else {}),
                }
                for name in clients
                if without_guest is None or name != "guest"
            ],
            server={
                "pool": ["10.9.0.0/24", "fd09::/64"],
                "push": {"routes": ["10.1.0.0/24", "fd01::/64"]},
                "client_to_client": False,
                "forwarding": {"enabled": True},
            },
            groups={"guests": {"allow": ["10.1.0.2/icmp", "fd01::2/icmp"]}},
        )

    for n, host in enumerate(clients.values()):
        lab.wire(server, f"192.0.2.{n * 4 + 1}/30", host, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
    wait_for(lambda: "NO-CARRIER" not in server.ip("link", "show"), 5, "the wires carry")
    before = server.state()
    daemon = lab.start(server, config(group="guests"))

    for n, (name, host) in enumerate(clients.items()):
        lab.start(
            host,
            lab.config(
                host,
                {},
                [
                    {
                        "name": "server",
                        "public_key": key,
                        "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                        "allowed_ips": ["10.9.0.1/32"],
                    }
                ],
                client={},
            ),
        )
    guest, free = clients["guest"], clients["free"]
    for name, host in clients.items():
        wait_for(lambda: "10.1.0.0/24" in host.ip("route"), 10, f"{name} is configured")

    def check_restricted(when):
        for address in ("10.1.0.2", "fd01::2"):
            # After a restart clients find out by their own packets that nobody answers.
            wait_for(lambda: guest.reaches(address), 15, f"{when}: the guest pings {address}")
            wait_for(lambda: free.reaches(address), 15, f"{when}: the unrestricted client pings {address}")
        for address in ("10.1.0.3", "fd01::3", "10.9.0.1", "fd09::1"):
            check(not guest.reaches(address), f"{when}: {address} is in no rule")
        for address in addresses:
            check(free.reaches(address), f"{when}: the unrestricted client pings {address}")

    check_restricted("at first")
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    daemon = lab.start(server, config(group="guests"))
    check_restricted("after a restart")
    check(any(entry["packets"] > 0 for entry in daemon.status()["access"]), f"counted: {daemon.status()['access']}")

    config()
    server.run(lab.tunneld, "reload")
    check(guest.reaches("10.1.0.3") or guest.reaches("10.1.0.3"), "freed by a reload")
    config(allow=["10.1.0.2/icmp", "fd01::2/icmp"])
    server.run(lab.tunneld, "reload")
    check_restricted("after a reload")

    # The guest is taken out, but the host refuses another part: all stays as it was, its lease and rules too.
    server.ip("route", "add", "10.77.0.0/24", "dev", "lan0")
    config(group="guests", without_guest=["10.77.0.0/24"])
    check(server.run(lab.tunneld, "reload", check_exit=False).returncode != 0, "a reload with a route that is there")
    check(len(daemon.status()["server"]["leases"]) == 2, f"both leases are kept: {daemon.status()['server']['leases']}")
    check_restricted("after a reload that failed")

    server.ip("route", "del", "10.77.0.0/24", "dev", "lan0")
    config(group="guests")
    server.run(lab.tunneld, "reload")

    # While it is taken out its packets are on their way.
    lan.run(
        "nft",
        "add table ip seen; add chain ip seen in { type filter hook input priority 0; }; "
        "add rule ip seen in udp dport 9999 counter",
    )
    flood = guest.popen(
        "python3",
        "-c",
        "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\n" "while True: s.sendto(b'x', ('10.1.0.3', 9999))",
        stderr=subprocess.DEVNULL,
    )
    for _ in range(2):
        time.sleep(0.3)
        config(without_guest=[])
        server.run(lab.tunneld, "reload")
        time.sleep(0.2)
        config(group="guests")
        server.run(lab.tunneld, "reload")
        wait_for(lambda: len(daemon.status()["server"]["leases"]) == 2, 20, "the guest has its lease again")
    flood.kill()
    flood.wait()
    seen = lan.run("nft", "list", "table", "ip", "seen").stdout
    check("counter packets 0 " in seen, f"packets of a guest that was taken out: {seen}")
    daemon.stop()
    check_same_state(before, server.state(), "after the end")


if __name__ == "__main__":
    main(run)
