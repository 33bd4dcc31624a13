"""A client's default route moves from one uplink to another, the first link dies, an address goes: traffic is back within a
second of each, without a restart and without a new handshake, and a TCP transfer goes on."""
import re
import time

from harness import check, main, wait_for


def run(lab):
    client, server = lab.host("client"), lab.host("server")
    for n in (1, 2):
        lab.wire(client, f"192.168.{n}.2/24", server, f"192.168.{n}.1/24", name_a=f"up{n}", name_b=f"up{n}")
    server.ip("address", "add", "198.51.100.1/32", "dev", "lo")
    client.ip("route", "add", "default", "via", "192.168.1.1")
    # As strict as many a host: an answer from the wrong side is dropped.
    for host in (client, server):
        host.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1")
    keys = {host: lab.key(host) for host in (client, server)}
    server_daemon = lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.9.0.1/24"], "listen_port": 51820},
            [{"name": "client", "public_key": keys[client], "allowed_ips": ["10.9.0.2/32"]}],
        ),
    )
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
                    "allowed_ips": ["10.9.0.0/24"],
                    "persistent_keepalive": "25s",
                }
            ],
        ),
    )
    check(client.ping("10.9.0.1") == 3, "ping")

    def gap_after(change, words):
        """Seconds without an answer to the server's pings, which only a known address can reach."""
        log = open(server.directory / "ping.txt", "w+")
        ping = server.popen("ping", "-n", "-D", "-i", "0.02", "-W", "0.2", "10.9.0.2", stdout=log)
        time.sleep(0.5)
        change()
        changed = time.time()
        time.sleep(2)
        ping.kill()
        ping.wait()
        times = [
            float(at) for at in re.findall(r"^\[([\d.]+)\].*icmp_seq", (server.directory / "ping.txt").read_text(), re.M)
        ]
        back = [at for at in times if at > changed + 0.05]
        check(any(at < changed for at in times), f"{words}: no pings before")
        check(back, f"{words}: nothing came back in 2 s\n{daemon.log()[-500:]}")
        gap = max([back[0] - changed] + [b - a for a, b in zip(back, back[1:])])
        check(gap < 1, f"{words}: {gap:.2f} s without an answer")
        return gap

    handshake = daemon.peer("server")["latest_handshake_seconds_ago"]
    begin = time.time()
    gaps = [gap_after(lambda: client.ip("route", "replace", "default", "via", "192.168.2.1"), "the default route moves")]
    check(server_daemon.peer("client")["endpoint"].startswith("192.168.2.2:"), "the server follows")

    def up2_dies():
        client.ip("link", "set", "up2", "down")
        client.ip("route", "add", "default", "via", "192.168.1.1")

    gaps.append(gap_after(up2_dies, "the uplink dies"))

    def another_address():
        client.ip("address", "del", "192.168.1.2/24", "dev", "up1")
        client.ip("address", "add", "192.168.1.77/24", "dev", "up1")
        client.ip("route", "add", "default", "via", "192.168.1.1")

    gaps.append(gap_after(another_address, "another address"))
    # Back and forth in the middle of a transfer.
    client.ip("link", "set", "up2", "up")
    listener = server.iperf_server()
    transfer = client.popen("iperf3", "-c", "10.9.0.1", "-t", "5")
    wait_for(lambda: daemon.peer("server")["tx_bytes"] > 10e6, 5, "the transfer runs")
    for uplink in (2, 1):
        client.ip("route", "replace", "default", "via", f"192.168.{uplink}.1")
        sent = server_daemon.peer("client")["rx_bytes"]
        took = wait_for(
            lambda: server_daemon.peer("client")["rx_bytes"] > sent + 1e6, 5, f"the transfer over uplink {uplink}"
        )
        check(server_daemon.peer("client")["endpoint"].startswith(f"192.168.{uplink}."), "the server follows")
        # The way is back within a second, as above; TCP's own timeout comes on top of that.
        check(took < 6, f"the transfer stood for {took:.2f} s after a change to uplink {uplink}")
        gaps.append(took)
    check(transfer.wait(timeout=15) == 0 and listener.wait(timeout=10) == 0, "the transfer ended badly")
    age = daemon.peer("server")["latest_handshake_seconds_ago"]
    check(age >= handshake + int(time.time() - begin) - 1, f"a new handshake was made {age} s ago")
    wait_for(lambda: "the network has changed" in daemon.log(), 1, "the log says what happened")
    lab.check_nothing_left()
    print("seconds without an answer:", " ".join(f"{gap:.2f}" for gap in gaps))


if __name__ == "__main__":
    main(run)
