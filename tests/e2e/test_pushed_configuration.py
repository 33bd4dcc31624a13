"""What a server pushes reaches its client live, without a new handshake; the client refuses what it does not accept, in one
line, and its host is byte for byte as before, whatever way it ends."""
import signal
import time

from harness import check, check_same_state, wait_for
from road_warriors import Server, addresses, configured, routes


def run(lab):
    server = Server(lab, push={"routes": ["192.168.10.0/24"]})
    alice = server.client("alice")
    server.start()
    wait_for(lambda: "NO-CARRIER" not in alice.ip("link"), 5, "the wire is up")
    before = alice.state()
    daemon = lab.start(alice, alice.config_path)
    told = configured(daemon)
    check("192.168.10.0/24" in routes(alice), f"routes: {routes(alice)}")

    # A reload tells her at once.
    since = daemon.peer("office")["latest_handshake_seconds_ago"]
    server.section["push"] = {"routes": ["192.168.20.0/24", "172.20.0.0/16"], "mtu": 1380, "keepalive": "30s"}
    server.reload()
    took = wait_for(lambda: "172.20.0.0/16" in routes(alice), 2, "the new routes")
    check("192.168.10.0/24" not in routes(alice), "the old route is still there")
    check("mtu 1380" in alice.ip("link", "show", "tun0"), "the new mtu")
    check(daemon.peer("office")["persistent_keepalive"] == 30, "the new keepalive")
    check(daemon.peer("office")["latest_handshake_seconds_ago"] >= since, "there was a handshake")
    check("172.20.0.0/16" in daemon.peer("office")["allowed_ips"], "allowed IPs follow")
    check(daemon.status()["client"]["serial"] > told["serial"] and took < 5, "the serial has not grown")
    wait_for(lambda: server.daemon.status()["server"]["clients"][0]["acknowledged"], 2, "it is acknowledged")

    # A fixed address moves her.
    server.peers[0]["address"] = ["10.8.0.99"]
    server.reload()
    wait_for(lambda: "10.8.0.99" in addresses(alice), 2, "the new address")
    check(told["addresses"][0] not in addresses(alice), "the old address is still there")
    check(alice.ping("10.8.0.1") == 3, "nothing comes back to the new address")
    check("10.8.0.99" not in sum(server.leases().values(), []), "a fixed address is no lease")
    daemon.stop()
    check_same_state(before, alice.state(), "after SIGTERM")

    # A client that accepts little, and a server that wants everything: the default route, its halves, a loop, DNS.
    server.section["push"] = {
        "routes": ["0.0.0.0/0", "128.0.0.0/1", "192.0.2.0/24", "10.66.0.0/16", "10.8.0.0/16"],
        "dns": {"servers": ["10.66.0.53"], "search": ["evil.example"]},
        "mtu": 1300,
    }
    server.reload()
    alice.accept = {"routes": ["10.8.0.0/16", "192.0.2.0/24"], "dns": "false", "mtu": "false"}
    server.configure(alice)
    daemon = lab.start(alice, alice.config_path)
    told = configured(daemon)
    check(routes(alice) == ["10.8.0.0/16", "10.8.0.0/24"], f"routes: {routes(alice)}")
    check("mtu 1300" not in alice.ip("link", "show", "tun0") and not told["dns_servers"], "mtu or DNS was taken")
    refused = [line for line in daemon.log().splitlines() if "not accepted from" in line]
    check(len(refused) == 1, f"{len(refused)} lines")
    for words in (
        "route 0.0.0.0/0",
        "route 128.0.0.0/1",
        "route 192.0.2.0/24 (the server itself",
        "10.66.0.0/16",
        "fd08::/64 (not within",
        "DNS",
        "mtu 1300",
    ):
        check(words in refused[0], f"'{words}' is not in: {refused[0]}")
    check(alice.ping("10.8.0.1") == 3, "the accepted route does not work")
    # The same again is not said again.
    server.section["push"]["keepalive"] = "31s"
    server.reload()
    wait_for(lambda: daemon.peer("office")["persistent_keepalive"] == 31, 2, "another push")
    check(daemon.log().count("not accepted from") == 1, "the refusal is repeated")
    # One that changes its mind all the time does not keep the client's host busy, and is obeyed in the end.
    taken = daemon.log().count("configured by")
    began = time.monotonic()
    for n in range(30):
        server.section["push"] = {"routes": [f"10.8.{n + 1}.0/24"]}
        server.reload()
    # Of 30 in that time, 26 at most may be taken.
    check(time.monotonic() - began < 30, "the reloads were too slow to show anything")
    wait_for(lambda: "10.8.30.0/24" in routes(alice), 10, "the last one")
    taken = daemon.log().count("configured by") - taken
    at_most = 10 + (time.monotonic() - began) / 2 + 1
    check(taken <= at_most, f"{taken} of 30 configurations were taken, instead of at most {at_most}")
    alice.run(lab.tunneld, "down", "tun0")
    daemon.process.wait(timeout=10)
    check_same_state(before, alice.state(), "after down")

    for way in ("cleanup", "next start"):
        daemon = lab.start(alice, alice.config_path)
        configured(daemon)
        daemon.stop(signal.SIGKILL, expect=-9)
        if way == "cleanup":
            alice.run(lab.tunneld, "cleanup", "tun0")
        else:
            daemon = lab.start(alice, alice.config_path)
            configured(daemon)
            daemon.stop()
        check_same_state(before, alice.state(), f"after SIGKILL and {way}")


if __name__ == "__main__":
    from harness import main

    main(run)
