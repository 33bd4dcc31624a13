"""A full tunnel on a host that others reach: its own networks stay reachable, as they come and go, and who calls its public
address, or a container behind it, is answered where the call came in, with strict reverse path filters too. What somebody
adds as a route, or as a huge network, stays inside; with the kill switch only what is listed."""
import json
import time

from harness import check, check_same_state, main, wait_for


def run(lab):
    host, lan, server, box = lab.host("host"), lab.host("lan"), lab.host("server"), lab.host("box")
    lab.wire(host, ["192.168.1.2/24", "fd01::2/64"], lan, ["192.168.1.1/24", "fd01::1/64"], name_a="lan", name_b="lan")
    lab.wire(host, ["203.0.113.1/24", "2001:db8::1/64"], server, ["203.0.113.2/24", "2001:db8::2/64"], name_a="net")
    lab.wire(host, "172.17.0.1/24", box, "172.17.0.2/24", name_a="box")
    box.ip("route", "add", "default", "via", "172.17.0.1")
    far = {"198.51.100.7": "203.0.113.1", "2001:db8:7::7": "2001:db8::1"}
    for address in ("198.51.100.7", "198.51.100.80"):
        server.ip("address", "add", address + "/32", "dev", "lo")
    # On the wire itself, which has no link-local address to ask for neighbours with.
    server.ip("address", "add", "2001:db8:7::7/128", "dev", "wire", "nodad")
    host.ip("route", "add", "default", "via", "203.0.113.2")
    host.ip("-6", "route", "add", "default", "via", "2001:db8::2")
    host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.net.rp_filter=1", "net.ipv4.ip_forward=1")
    host.run(
        "nft",
        "table ip published { chain in { type nat hook prerouting priority dstnat; "
        "iifname net tcp dport 8080 dnat to 172.17.0.2; }; }",
    )
    keys = {one: lab.key(one) for one in (host, server)}
    lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.8.0.1/24", "fd08::1/64"], "listen_port": 51820},
            [{"name": "host", "public_key": keys[host], "allowed_ips": ["10.8.0.2/32", "fd08::2/128"]}],
        ),
    )

    def config(**sections):
        return lab.config(
            host,
            {"addresses": ["10.8.0.2/24", "fd08::2/64"]},
            [
                {
                    "name": "server",
                    "public_key": keys[server],
                    "endpoints": ["203.0.113.2:51820"],
                    "allowed_ips": ["0.0.0.0/0", "::/0"],
                }
            ],
            **sections,
        )

    serve = "import socket\ns = socket.create_server(('', {}))\nwhile True: s.accept()[0].sendall(b'hello')"
    host.popen("python3", "-c", serve.format(8000))
    box.popen("python3", "-c", serve.format(8080))

    def calls(port):
        words = (
            f"import socket; s = socket.create_connection(('203.0.113.1', {port}), 2, ('198.51.100.7', 0)); "
            "print(s.recv(9))"
        )
        return "hello" in server.run("python3", "-c", words, check_exit=False).stdout

    for port in (8000, 8080):
        wait_for(lambda at=port: calls(at), 5, f"port {port} without a tunnel")
    for caller, called in far.items():
        wait_for(lambda a=caller, b=called: server.ping(b, count=1, source=a) == 1, 5, f"{caller} without a tunnel")
    wait_for(lambda: "NO-CARRIER" not in host.ip("link"), 5, "the wire is up")
    before = host.state()
    daemon = lab.start(host, config())
    wait_for(lambda: host.reaches("10.8.0.1"), 5, "the tunnel")

    def inside(address):
        received = daemon.peer("server")["rx_packets"]
        return host.ping(address, count=2) == 2 and daemon.peer("server")["rx_packets"] >= received + 2

    check(inside("198.51.100.80"), "the internet is not inside")
    for address in ("192.168.1.1", "fd01::1", "172.17.0.2"):
        check(host.reaches(address), f"{address} is not reached")
    for caller, called in far.items():
        check(server.ping(called, count=2, source=caller) == 2, f"{caller} has no answer from {called}")
    check(calls(8000), "a TCP connection from outside has no answer")
    check(calls(8080), "a container's answer is lost")
    check(inside("198.51.100.7"), "who has called before is called around the tunnel")

    # A network that comes later; what is no network of this host's, though somebody says so; and all of it goes again.
    lab.wire(host, "192.168.2.2/24", lan, "192.168.2.1/24", name_a="late", name_b="late")
    wait_for(lambda: host.reaches("192.168.2.1"), 5, "a network that came later is reached")
    host.ip("route", "add", "198.51.100.80/32", "via", "192.168.1.1")
    host.ip("address", "add", "198.51.96.1/20", "dev", "lan")
    time.sleep(0.4)
    check(inside("198.51.100.80"), "a route or a large network of somebody else's leads around the tunnel")
    host.ip("address", "del", "198.51.96.1/20", "dev", "lan")
    host.ip("route", "del", "198.51.100.80/32")
    host.ip("link", "del", "late")
    wait_for(lambda: "192.168.2." not in host.ip("rule"), 5, "the rule goes with its network")
    daemon.stop()
    check_same_state(before, host.state(), "after the end")

    daemon = lab.start(host, config(client={"kill_switch": True, "local_networks": ["192.168.1.0/24"]}))
    check(host.reaches("192.168.1.1") and not host.reaches("172.17.0.2"), "with the kill switch: what is listed, no more")
    check(not calls(8000), "with the kill switch nobody outside is answered")

    one = json.loads(config().read_text())
    one["peers"][0]["allowed_ips"] = ["0.0.0.0/0"]
    (host.directory / "one.yaml").write_text(json.dumps(one))
    said = host.run(lab.tunneld, "check", "--config", host.directory / "one.yaml").stdout
    check("IPv6 passes by it" in said and "into itself" not in said, said)
    daemon.stop()
    daemon = lab.start(host, host.directory / "one.yaml")
    check("IPv6 passes by it" in daemon.log(), f"the log of a start: {daemon.log()}")


if __name__ == "__main__":
    main(run)
