"""A server stops in good order and is back at another address, which its name leads to by then: its client is there within
seconds, whether the name is its only endpoint or there is another one, where nobody is."""
import json
import time

from harness import check, main, wait_for


def run(lab):
    a, b = lab.pair(start=False)
    a.ask_names_of("127.0.0.1")
    zone = a.serve_names("127.0.0.1")
    b_config = json.loads(b.config_path.read_text())
    del b_config["peers"][0]["endpoints"]
    b.config_path.write_text(json.dumps(b_config))
    config = json.loads(a.config_path.read_text())

    at = "203.0.113.2"
    for n, endpoints in enumerate((["b.example:51820"], ["b.example:51820", "203.0.113.99:51820"])):
        zone.write_text(f"b.example {at}")
        config["peers"][0]["endpoints"] = endpoints
        a.config_path.write_text(json.dumps(config))
        server = lab.start(b, b.config_path)
        daemon = lab.start(a, a.config_path)
        wait_for(lambda: a.reaches("10.9.0.2"), 10, "the tunnel by name")
        # Only those who have said HELLO hear a BYE.
        wait_for(lambda: all("is a tunneld" in end.log() for end in (server, daemon)), 5, "both know each other")
        before, at = at, f"203.0.113.{200 + n}"
        zone.write_text(f"b.example {at}")
        left = time.monotonic()
        server.stop()
        b.ip("address", "del", f"{before}/24", "dev", "wire")
        b.ip("address", "add", f"{at}/24", "dev", "wire")
        server = lab.start(b, b.config_path)
        a.popen("ping", "-n", "-i", "0.1", "10.9.0.2")
        wait_for(lambda: server.peer("a")["rx_packets"] > 0, 10, f"{endpoints}: the client is at the new address")
        took = time.monotonic() - left
        check(took < 5, f"{endpoints}: back after {took:.1f} s")
        check("has ended the session" in daemon.log(), "there was no BYE")
        check(daemon.peer("b")["endpoint"] == f"{at}:51820", f"{endpoints}: status: {daemon.peer('b')}")
        print(f"{len(endpoints)} endpoints: back after {took:.1f} s")
        daemon.stop()
        server.stop()


if __name__ == "__main__":
    main(run)
