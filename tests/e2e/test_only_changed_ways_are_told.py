"""What happens on a host's network costs a peer a datagram only if it changes the way to it: interfaces that come and go
elsewhere cost nothing, nor do 300 routes of our own at start; a more specific route and a rule are noticed within a second."""
import time

from harness import check, main, wait_for


class Tap:
    """Counts the datagrams that a host sends to a port, by their UDP length."""

    def __init__(self, host, ports):
        self.path = host.directory / "tap.txt"
        self.process = host.popen(
            "python3",
            "-c",
            """
import socket, struct, sys, time
ports = [int(p) for p in sys.argv[1:]]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
while True:
    packet, address = s.recvfrom(2048)
    if address[2] != socket.PACKET_OUTGOING or packet[12:14] != b"\\x08\\x00" or packet[23] != 17: continue
    port, length = struct.unpack(">HH", packet[36:40])
    if port in ports: print(port, length - 8, time.time(), address[0], flush=True)
""",
            *map(str, ports),
            stdout=open(self.path, "w"),
        )

    def lines(self):
        return [line.split() for line in self.path.read_text().splitlines()]

    def stop(self):
        self.process.kill()
        self.process.wait()


def run(lab):
    client, server = lab.host("client"), lab.host("server")
    for n in (1, 2):
        lab.wire(client, f"192.168.{n}.2/24", server, f"192.168.{n}.1/24", name_a=f"up{n}", name_b=f"up{n}")
    server.ip("address", "add", "198.51.100.1/32", "dev", "lo")
    client.ip("route", "add", "default", "via", "192.168.1.1")
    keys = {host: lab.key(host) for host in (client, server)}
    silent = lab.key(server, "silent.key")
    server_daemon = lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.9.0.1/24"], "listen_port": 51820},
            [{"name": "client", "public_key": keys[client], "allowed_ips": ["10.9.0.2/32"]}],
        ),
    )
    # Nobody answers at the second one, not even with ICMP that nobody listens there.
    for words in (
        "add table inet silent",
        "add chain inet silent input { type filter hook input priority 0; }",
        "add rule inet silent input udp dport 51821 drop",
    ):
        server.run("nft", words)
    tap = Tap(client, [51820, 51821])
    time.sleep(0.3)
    routes = [f"10.{100 + i // 250}.{i % 250}.0/24" for i in range(300)]
    daemon = lab.start(
        client,
        lab.config(
            client,
            {"addresses": ["10.9.0.2/24"]},
            [
                {
                    "name": "server",
                    "public_key": keys[server],
                    "endpoints": ["198.51.100.1:51820"],
                    "allowed_ips": ["10.9.0.0/24"] + routes,
                    "persistent_keepalive": "60s",
                },
                {
                    "name": "silent",
                    "public_key": silent,
                    "endpoints": ["198.51.100.1:51821"],
                    "allowed_ips": ["10.10.0.0/24"],
                    "persistent_keepalive": "60s",
                },
            ],
        ),
    )
    check(client.ping("10.9.0.1") == 3, "ping")

    def initiations(port):
        return [float(at) for to, size, at, _ in tap.lines() if to == str(port) and size == "148"]

    wait_for(lambda: daemon.peer("server")["path"] and time.time() - float(tap.lines()[-1][2]) > 2.5, 20, "quiet")
    quiet = len([line for line in tap.lines() if line[0] == "51820"])
    check(len(initiations(51820)) == 1, f"{len(initiations(51820))} initiations at start")
    for i in range(10):
        client.run("ip", "link", "add", f"x{i}", "type", "veth", "peer", "name", f"y{i}")
        client.ip("address", "add", f"172.16.{i}.1/24", "dev", f"x{i}")
        for name in (f"x{i}", f"y{i}"):
            client.ip("link", "set", name, "up")
        time.sleep(0.15)
        client.ip("link", "del", f"x{i}")
    time.sleep(1)
    sent = len([line for line in tap.lines() if line[0] == "51820"]) - quiet
    check(sent == 0, f"foreign interfaces made {sent} datagrams")

    def noticed(words, uplink):
        before = time.time()
        took = wait_for(lambda: server_daemon.peer("client")["endpoint"].startswith(f"192.168.{uplink}.2:"), 10, words)
        check(took < 4, f"{words}: noticed after {took:.2f} s")
        return time.time() - before

    client.ip("route", "add", "198.51.100.0/24", "via", "192.168.2.1")
    times = [noticed("a more specific route", 2)]
    client.ip("route", "add", "default", "via", "192.168.1.1", "table", "77")
    time.sleep(1)
    client.ip("rule", "add", "to", "198.51.100.1", "lookup", "77", "priority", "50")
    times.append(noticed("a rule", 1))
    # Whatever the network does.
    for _ in range(8):
        client.ip("link", "set", "up1", "down")
        client.ip("link", "set", "up1", "up")
        client.ip("route", "replace", "default", "via", "192.168.1.1")
        client.ip("route", "replace", "default", "via", "192.168.1.1", "table", "77")
        time.sleep(0.7)
    calls = initiations(51821)
    gaps = [b - a for a, b in zip(calls, calls[1:])]
    check(len(calls) >= 2 and min(gaps) > 4.9, f"initiations to the silent peer came {gaps} s after each other")
    tap.stop()
    lab.check_nothing_left()
    print("noticed after", " ".join(f"{t:.2f} s" for t in times))


if __name__ == "__main__":
    main(run)
