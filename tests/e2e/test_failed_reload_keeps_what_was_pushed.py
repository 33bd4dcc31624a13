"""A client whose reload the host refuses keeps what its server has given it, and so does a reload of the good file after it."""
from harness import check
from road_warriors import Server, addresses, configured, routes


def run(lab):
    server = Server(lab, push={"routes": ["192.168.10.0/24"]})
    alice = server.client("alice")
    server.start()
    daemon = lab.start(alice, alice.config_path)
    told = configured(daemon)
    good = alice.config_path.read_text()
    before = alice.state()

    # Another server instead, and a network that the host has a route to already.
    alice.ip("route", "add", "172.30.0.0/16", "dev", "wire")
    lab.config(
        alice,
        {},
        [
            {
                "name": "other",
                "public_key": lab.key(alice, "other.key"),
                "endpoints": ["192.0.2.77:51820"],
                "allowed_ips": ["172.30.0.0/16"],
            }
        ],
        name=alice.config_path.name,
        client={},
    )
    refused = alice.run(lab.tunneld, "reload", "tun0", check_exit=False)
    check(refused.returncode == 1 and "172.30.0.0/16" in refused.stdout, f"the reload was not refused: {refused.stdout}")
    alice.ip("route", "del", "172.30.0.0/16", "dev", "wire")
    check(alice.state() == before, "the refused reload has changed the host")
    check(daemon.status()["client"]["addresses"] == told["addresses"], "what was pushed is forgotten")

    alice.config_path.write_text(good)
    alice.run(lab.tunneld, "reload", "tun0")
    check(alice.state() == before, "the good file has changed the host")
    check(told["addresses"][0] in addresses(alice) and "192.168.10.0/24" in routes(alice), "the good file took it away")
    check(alice.ping("10.8.0.1") == 3, "the tunnel does not work")


if __name__ == "__main__":
    from harness import main

    main(run)
