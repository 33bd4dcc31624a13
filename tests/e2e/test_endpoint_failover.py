"""A client with two endpoints, two servers with one key (a pair for high availability): when the first dies, traffic is back
in under 10 s; when the first says BYE, at once. The first one's name is looked up again when its turn comes."""
import signal
import time

from harness import check, wait_for
from road_warriors import Server, configured


def run(lab):
    server = Server(lab)
    client, first = server.wire("client")
    # The twin: another host with the same key and configuration, on a second wire of the client's.
    twin = lab.host("twin")
    lab.wire(twin, "198.51.100.1/30", client, "198.51.100.2/30", name_b="wire2")
    (twin.directory / "private.key").write_bytes((server.host.directory / "private.key").read_bytes())
    (twin.directory / "private.key").chmod(0o600)
    server.peers.append({"name": "client", "public_key": lab.key(client)})
    config = lab.config(
        client, {}, [{"name": "office", "public_key": server.key, "endpoints": [first, "198.51.100.1:51820"]}], client={}
    )
    twin_config = lab.config(
        twin, {"addresses": ["10.8.0.1/24", "fd08::1/64"], "listen_port": 51820}, server.peers, server=server.section
    )
    server.start()
    second = lab.start(twin, twin_config)
    daemon = lab.start(client, config)
    told = configured(daemon)
    check(daemon.peer("office")["endpoint"] == first, "the first endpoint comes first")

    # It dies without a word, under traffic.
    client.popen("ping", "-n", "-i", "0.1", "10.8.0.1")
    wait_for(lambda: server.daemon.peer("client")["rx_packets"] > 10, 5, "traffic through the first")
    died = time.monotonic()
    server.daemon.stop(signal.SIGKILL, expect=-9)
    wait_for(lambda: second.peer("client")["rx_packets"] > 10, 15, "traffic through the second")
    took = time.monotonic() - died
    check(took < 10, f"traffic was back after {took:.1f} s")
    check(client.ping("10.8.0.1") == 3, "through the second")
    check(daemon.status()["client"]["addresses"] == told["addresses"], "the twin gave other addresses")
    check(daemon.peer("office")["endpoint"] == "198.51.100.1:51820", "status shows another endpoint")

    # The second leaves in good order: the client is back at the first at once.
    server.start()
    left = time.monotonic()
    second.stop()
    wait_for(lambda: server.daemon.peer("client")["rx_packets"] > 10, 5, "traffic through the first again")
    back = time.monotonic() - left
    check(back < 3, f"after BYE traffic was back after {back:.1f} s")
    check("has ended the session" in daemon.log(), "there was no BYE")
    lab.check_nothing_left()
    print(f"first died: {took:.1f} s, second said BYE: {back:.1f} s (10 pings counted, stop included)")


if __name__ == "__main__":
    from harness import main

    main(run)
