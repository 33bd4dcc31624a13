"""What a server has configured outlives what goes wrong on its client: a reload that the host refuses, and the reload of a
good file after it."""
from harness import check, check_same_state, main
from road_warriors import Server, addresses, configured, routes

OWN = {"addresses": ["10.99.0.1/32"]}


def run(lab):
    server = Server(lab, push={"routes": ["10.20.0.0/16"]})
    alice = server.client("alice")
    server.start()
    daemon = lab.start(alice, lab.config(alice, OWN, [alice.server_peer], client={}))
    told = configured(daemon)
    running = alice.state()

    # Somebody else's route is in the way of what the file wants now.
    alice.ip("route", "add", "10.77.0.0/16", "dev", "wire")
    peer = alice.server_peer
    for refused in ({"peer": {**peer, "allowed_ips": ["10.77.0.0/16"]}},
                    # Who has configured this host is not even in the new file.
                    {"peer": {**peer, "public_key": lab.key(alice, "other.key"), "allowed_ips": ["10.77.0.0/16"]}}):
        lab.config(alice, OWN, [refused["peer"]], client={})
        failed = alice.run(lab.tunneld, "reload", "tun0", check_exit=False)
        check(failed.returncode == 1, f"the reload succeeds: {failed.stdout}")
        check(daemon.status()["client"] == told, f"after a failed reload: {daemon.status()['client']}")
        check(addresses(alice) == sorted(told["addresses"] + ["10.99.0.1"]), f"addresses after a failed reload: {addresses(alice)}")
    lab.config(alice, OWN, [peer], client={})
    alice.run(lab.tunneld, "reload", "tun0")
    alice.ip("route", "del", "10.77.0.0/16")
    check_same_state(running, alice.state(), "after the good file")
    check("10.20.0.0/16" in routes(alice), f"routes after the good file: {routes(alice)}")
    check(alice.ping("10.8.0.1", extra=("-I", told["addresses"][0])) == 3, "nothing passes after the good file")
    check(daemon.status()["client"] == told, f"after the good file: {daemon.status()['client']}")


if __name__ == "__main__":
    main(run)
