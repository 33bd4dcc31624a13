"""A host that is there, and whose tunneld is not: its ICMP hurries the client. What comes back is called in under 2 s, a
name that leads elsewhere is followed at once, and other peers' traffic loses nothing by it."""
import json
import signal
import time

from harness import check, wait_for


def seconds_until_up(daemon):
    return wait_for(lambda: daemon.peer("b")["state"] == "up", 15, "the tunnel")


def run(lab):
    a, b = lab.pair(start=False)
    a.ask_names_of("127.0.0.1")
    zone = a.serve_names("127.0.0.1")
    zone.write_text("b.example 203.0.113.2")
    # Only a calls, and has reason to.
    config = json.loads(a.config_path.read_text())
    config["peers"][0].update(endpoints=["b.example:51820"], persistent_keepalive="25s")
    config["workers"] = 2
    a.config_path.write_text(json.dumps(config))
    b_config = json.loads(b.config_path.read_text())
    del b_config["peers"][0]["endpoints"]
    b.config_path.write_text(json.dumps(b_config))
    check(a.reaches("203.0.113.2"), "the wire is not up: nothing would be refused")

    # Not started yet: whenever it is, the client is there within 2 s.
    client = lab.start(a, a.config_path)
    wait_for(lambda: "nothing listens at 203.0.113.2:51820" in client.log(), 3, "the refusal in the log")
    check(
        "nothing listens at" in client.peer("b")["note"] or "no answer" in client.peer("b")["note"],
        f"status: {client.peer('b')}",
    )
    server = lab.start(b, b.config_path)
    first = seconds_until_up(client)
    check(first < 2.2, f"the client came {first:.1f} s after the start")

    # Killed, without BYE, under traffic. The client calls after 4 s of silence, and is refused. (Linux sends one ICMP error
    # a second to a host: with more traffic than that, it would be about something else.)
    traffic = a.popen("ping", "-n", "-i", "1", "10.9.0.2")
    wait_for(lambda: server.peer("a")["rx_packets"] > 8, 15, "traffic")
    before = client.log().count("nothing listens at")
    server.stop(signal.SIGKILL, expect=-9)
    b.run(lab.tunneld, "cleanup", "tun0")
    wait_for(lambda: client.log().count("nothing listens at") > before, 10, "the refusal after the kill")
    server = lab.start(b, b.config_path)
    ready = time.monotonic()
    wait_for(lambda: server.peer("a")["rx_packets"] > 0, 15, "traffic to the restarted server")
    second = time.monotonic() - ready
    check(second < 2.2, f"traffic came {second:.1f} s after the restart")

    # The name leads to where nothing listens, and then elsewhere: the client looks it up again without waiting for long.
    client.stop()
    b.ip("address", "add", "203.0.113.200/24", "dev", "wire")
    b.run(
        "nft",
        "table inet refuses { chain in { type filter hook input priority 0; "
        "ip daddr 203.0.113.2 udp dport 51820 reject; }; }",
    )
    client = lab.start(a, a.config_path)
    wait_for(lambda: "nothing listens at" in client.log(), 3, "the refusal before the move")
    zone.write_text("b.example 203.0.113.200")
    third = seconds_until_up(client)
    check(third < 2, f"the name was followed {third:.1f} s after it had changed")
    check(client.peer("b")["endpoint"] == "203.0.113.200:51820", f"status: {client.peer('b')}")
    traffic.kill()
    b.run("nft", "delete table inet refuses")
    lab.check_nothing_left()
    print(f"after a start {first:.1f} s, a restart {second:.1f} s, a move {third:.1f} s")


if __name__ == "__main__":
    from harness import main

    main(run)
