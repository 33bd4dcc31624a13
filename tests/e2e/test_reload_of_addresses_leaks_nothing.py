"""Reloads that change the tunnel's IPv4 address, or take the last one away, let nothing out in clear, without a kill switch: with a
full tunnel, and with single networks. (The kernel removes a link's IPv4 routes with its last IPv4 address.)"""
import re

from harness import check, check_same_state, main, wait_for

SENDER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    try: s.sendto(b"secret", ("198.51.100.1", 4444))
    except OSError: pass
"""
ADDRESSES = (["10.9.0.1/24", "fd09::1/64"], ["10.9.0.3/24", "fd09::1/64"], ["fd09::1/64"], ["10.8.0.1/24"])


def run(lab):
    client, server = lab.host("client"), lab.host("server")
    lab.wire(client, "203.0.113.1/24", server, "203.0.113.2/24")
    client.ip("route", "add", "default", "via", "203.0.113.2")
    server.ip("address", "add", "198.51.100.1/32", "dev", "lo")
    server.run(
        "nft",
        "table ip seen { counter clear {}; counter inside {}; chain in { type filter hook input priority 0; "
        'udp dport 4444 iifname "wire" counter name clear; udp dport 4444 iifname "tun0" counter name inside; }; }',
    )
    keys = {host: lab.key(host) for host in (client, server)}
    before = client.state()

    def counted(name):
        return int(re.search(r"packets (\d+)", server.run("nft", "list", "counter", "ip", "seen", name).stdout).group(1))

    everybody = ["10.9.0.0/24", "10.8.0.0/24", "fd09::1/128", "203.0.113.1/32"]
    lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.9.0.2/24"], "listen_port": 51820},
            [{"name": "client", "public_key": keys[client], "allowed_ips": everybody}],
            routes={"table": "off"},
        ),
    )

    for networks in (["0.0.0.0/0", "::/0"], ["198.51.100.0/24", "192.0.2.0/24"]):

        def configure(addresses):
            peer = {
                "name": "server",
                "public_key": keys[server],
                "endpoints": ["203.0.113.2:51820"],
                "allowed_ips": networks,
                "persistent_keepalive": "1s",
            }
            return lab.config(client, {"addresses": addresses}, [peer])

        daemon = lab.start(client, configure(ADDRESSES[0]))
        client.run(lab.tunneld, "wait", "--timeout", "20s")
        sender = client.popen("python3", "-c", SENDER)
        inside = counted("inside")
        wait_for(lambda: counted("inside") > inside + 100, 10, "what is sent goes through the tunnel")
        clear = counted("clear")
        for turn in range(1, 21):
            configure(ADDRESSES[turn % len(ADDRESSES)])
            client.run(lab.tunneld, "reload")
        sender.kill()
        sender.wait()
        leaked = counted("clear") - clear
        check(leaked == 0, f"{networks}: {leaked} packets left in clear during 20 reloads")
        daemon.stop()
        check_same_state(before, client.state(), "after the end")


if __name__ == "__main__":
    main(run)
