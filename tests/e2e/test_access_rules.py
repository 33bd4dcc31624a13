"""Peers with `group` or `allow` reach what their rules list and nothing more, IPv4 and IPv6, behind the server and on it,
also a stock peer that widens its own allowed IPs; a reload cuts what is no longer allowed, established or not; the server
masquerades; what it did to the host is undone byte for byte after each way of ending."""
import signal

import wireguard_go
from harness import check, check_same_state, main, wait_for


def run(lab):
    server, client, stock, lan = (lab.host(name) for name in ("server", "client", "stock", "lan"))
    lab.wire(server, "192.0.2.1/30", client, "192.0.2.2/30", name_a="to-client")
    lab.wire(server, "192.0.2.5/30", stock, "192.0.2.6/30", name_a="to-stock")
    # The machine on the LAN knows no way back into the tunnel: only masquerading lets it answer.
    lab.wire(
        server, ["10.1.0.1/24", "fd01::1/64"], lan, ["10.1.0.2/24", "10.1.0.3/24", "fd01::2/64", "fd01::3/64"], name_a="lan0"
    )
    server.run("sysctl", "-qw", "net.ipv4.conf.to-client.forwarding=1")  # not as the kernel's one switch leaves it
    server.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
    before = server.state()
    keys = {host: lab.key(host) for host in (server, client, stock)}

    def start(rules, **more):
        config = lab.config(
            server,
            {"addresses": ["10.9.0.1/24", "fd09::1/64"], "listen_port": 51820},
            [
                {"name": "client", "public_key": keys[client], "allowed_ips": ["10.9.0.2/32", "fd09::2/128"]},
                {"name": "stock", "public_key": keys[stock], "allowed_ips": ["10.9.0.3/32", "fd09::3/128"], **rules},
            ],
            server={"forwarding": {"enabled": True, "masquerade": "lan0"}, "client_to_client": False},
            groups={"guest": {"allow": ["10.1.0.2:7001/tcp", "[fd01::2]:7001/tcp", "10.1.0.2/icmp", "fd01::2/icmp"]}},
        )
        return config

    path = start({"group": "guest"})
    plan = server.run(lab.tunneld, "check", "--plan", "--config", path).stdout
    check("10.1.0.2" in plan and "masquerade" in plan and "forwarding of IPv6 on" in plan, f"the plan says it:\n{plan}")
    daemon = lab.start(server, path)
    lab.start(
        client,
        lab.config(
            client,
            {"addresses": ["10.9.0.2/24", "fd09::2/64"]},
            [
                {
                    "name": "server",
                    "public_key": keys[server],
                    "endpoints": ["192.0.2.1:51820"],
                    "allowed_ips": ["10.9.0.0/24", "10.1.0.0/24", "fd09::/64", "fd01::/64"],
                }
            ],
        ),
    )
    device = wireguard_go.start(
        lab,
        stock,
        "10.9.0.3/24",
        [
            "private-key",
            stock.directory / "private.key",
            "peer",
            keys[server],
            "endpoint",
            "192.0.2.5:51820",
            "allowed-ips",
            "10.9.0.0/24,10.1.0.0/24,fd09::/64,fd01::/64",
        ],
    )
    stock.ip("address", "add", "fd09::3/64", "dev", device, "nodad")
    for network in ("10.1.0.0/24", "fd01::/64"):
        stock.ip("route", "add", network, "dev", device)

    servers = []
    for host, address, port in ((lan, "::", 7001), (lan, "::", 7002), (server, "::", 7001)):
        servers.append(
            host.popen(
                "python3",
                "-c",
                f"""
import socket, threading
listener = socket.create_server(("{address}", {port}), family=socket.AF_INET6, dualstack_ipv6=True)
def echo(s):
    while data := s.recv(100): s.sendall(data)
while True: threading.Thread(target=echo, args=(listener.accept()[0],)).start()
""",
            )
        )
    for host, port in ((lan, 7001), (lan, 7002), (server, 7001)):
        wait_for(lambda: f":{port}" in host.run("ss", "-ltn").stdout, 5, "listening")

    def connects(host, address, port):
        words = f"import socket; socket.create_connection(('{address}', {port}), 1)"
        return host.run("python3", "-c", words, check_exit=False).returncode == 0

    # The unrestricted client first: everything is there to be reached, so what is not reached below was refused.
    for address in ("10.1.0.2", "10.1.0.3", "fd01::2", "fd01::3"):
        check(client.reaches(address) or client.reaches(address), f"the unrestricted client pings {address}")
        check(connects(client, address, 7001) and connects(client, address, 7002), f"the client connects to {address}")
    check(connects(client, "10.9.0.1", 7001) and connects(client, "fd09::1", 7001), "and to the server itself")

    for address in ("10.1.0.2", "fd01::2"):
        check(stock.reaches(address) or stock.reaches(address), f"the guest pings {address}")
        check(connects(stock, address, 7001), f"the guest's rule for {address}")
        check(not connects(stock, address, 7002), f"another port of {address}")
    for address in ("10.1.0.3", "fd01::3", "10.9.0.1", "fd09::1"):
        check(not stock.reaches(address), f"{address} is in no rule")
        check(not connects(stock, address, 7001), f"{address} is in no rule")
    check(server.reaches("10.9.0.3"), "answers to what others began come through")
    check(not stock.reaches("10.9.0.2"), "no other client either")

    # It takes the addresses of the other client: then it has none that the server accepts from it.
    stock.ip("address", "add", "10.9.0.2/32", "dev", device)
    check(stock.ping("10.1.0.3", count=2, wait=1, source="10.9.0.2") == 0, "another's address takes it nowhere")
    stock.ip("address", "del", "10.9.0.2/32", "dev", device)

    access = {(entry.get("group"), entry["rule"]): entry for entry in daemon.status()["access"]}
    for rule in ("10.1.0.2:7001/tcp", "[fd01::2]:7001/tcp", "10.1.0.2/icmp", "fd01::2/icmp"):
        check(access[("guest", rule)]["packets"] > 0, f"the counter of {rule}: {access}")
    check(access[("guest", "all else")]["packets"] >= 8, f"what was refused is counted: {access}")

    # An established connection ends when its rule goes; the one that another rule allows goes on.
    talk = stock.popen(
        "python3",
        "-u",
        "-c",
        """
import socket, time
talks = {a: socket.create_connection((a, 7001)) for a in ("10.1.0.2", "fd01::2")}
for s in talks.values(): s.settimeout(0.3)
while True:
    for a, s in talks.items():
        try:
            s.sendall(b"x"); s.recv(1); print(a, flush=True)
        except OSError: pass
    time.sleep(0.1)
""",
        stdout=open(stock.directory / "talk.txt", "w"),
    )

    def lines(address):
        return (stock.directory / "talk.txt").read_text().split().count(address)

    wait_for(lambda: lines("10.1.0.2") > 3 and lines("fd01::2") > 3, 5, "both connections talk")
    start({"allow": ["[fd01::2]:7001/tcp", "fd01::2/icmp"]})
    server.run(lab.tunneld, "reload")
    at_cut, other = lines("10.1.0.2"), lines("fd01::2")
    wait_for(lambda: lines("fd01::2") > other + 5, 10, "the connection that is still allowed goes on")
    check(lines("10.1.0.2") <= at_cut + 1, "the connection whose rule was revoked is cut at once")
    check(any(entry.get("peer") == "stock" and entry["packets"] > 0 for entry in daemon.status()["access"]), "its own rules")
    start({})
    server.run(lab.tunneld, "reload")
    wait_for(lambda: lines("10.1.0.2") > at_cut + 3, 10, "without rules it is unrestricted, and the connection goes on")
    check("access" not in daemon.status(), "nobody is restricted")
    talk.kill()

    daemon.stop()
    check_same_state(before, server.state(), "after SIGTERM")
    for end in ("down", "cleanup", "start"):
        daemon = lab.start(server, start({"group": "guest"}))
        check("tunneld-tun0" in server.run("nft", "list", "tables").stdout, "the table is there")
        if end == "down":
            server.run(lab.tunneld, "down")
            daemon.process.wait(timeout=10)
        else:
            daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
            if end == "cleanup":
                server.run(lab.tunneld, "cleanup")
            else:
                lab.start(server, start({"group": "guest"})).stop()
        check_same_state(before, server.state(), f"after {end}")


if __name__ == "__main__":
    main(run)
