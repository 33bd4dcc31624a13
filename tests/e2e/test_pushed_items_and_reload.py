"""What a server pushes is taken item by item, by the server that the file names, until it is taken back; and it outlives what
goes wrong on its client: a reload that the host refuses, and the reload of a good file after it."""
from harness import check, check_same_state, main, wait_for
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
    for refused in (
        {"peer": {**peer, "allowed_ips": ["10.77.0.0/16"]}},
        # Who has configured this host is not even in the new file.
        {"peer": {**peer, "public_key": lab.key(alice, "other.key"), "allowed_ips": ["10.77.0.0/16"]}},
    ):
        lab.config(alice, OWN, [refused["peer"]], client={})
        failed = alice.run(lab.tunneld, "reload", "tun0", check_exit=False)
        check(failed.returncode == 1, f"the reload succeeds: {failed.stdout}")
        check(daemon.status()["client"] == told, f"after a failed reload: {daemon.status()['client']}")
        check(
            addresses(alice) == sorted(told["addresses"] + ["10.99.0.1"]),
            f"addresses after a failed reload: {addresses(alice)}",
        )
    lab.config(alice, OWN, [peer], client={})
    alice.run(lab.tunneld, "reload", "tun0")
    alice.ip("route", "del", "10.77.0.0/16")
    check_same_state(running, alice.state(), "after the good file")
    check("10.20.0.0/16" in routes(alice), f"routes after the good file: {routes(alice)}")
    check(alice.ping("10.8.0.1", source=told["addresses"][0]) == 3, "nothing passes after the good file")
    check(daemon.status()["client"] == told, f"after the good file: {daemon.status()['client']}")

    # What the host refuses is left out alone: a route that is there, by whatever metric, and IPv6 where that is off.
    alice.ip("route", "add", "unreachable", "10.30.0.0/16")
    server.section["push"] = {"routes": ["10.30.0.0/16", "10.20.0.0/16", "203.0.113.0/24", "10.40.0.0/16"]}
    alice.ip("address", "add", "203.0.113.5/24", "dev", "wire")
    server.reload()
    wait_for(lambda: "10.40.0.0/16" in routes(alice), 5, "the routes that can be taken")
    check("10.20.0.0/16" in routes(alice) and "10.30.0.0/16" not in routes(alice), f"routes: {routes(alice)}")
    check("203.0.113.0/24" not in routes(alice), "the route to the host's own network")
    refused = daemon.status()["client"]["refused"]
    check(
        len(refused) == 2
        and refused[0].startswith("route 203.0.113.0/24 (this host is connected")
        and refused[1].startswith("route 10.30.0.0/16 ("),
        f"refused: {refused}",
    )
    check("10.30.0.0/16" not in daemon.peer("office")["allowed_ips"], "allowed IPs of what was left out")
    check(daemon.log().count("left out of the configuration of office") == 1, "one line")
    alice.ip("route", "del", "unreachable", "10.30.0.0/16")
    alice.run(lab.tunneld, "reload", "tun0")
    check("10.30.0.0/16" in routes(alice), "a reload tries again")

    # A network that the host joins is its own at once, and the server's again when the host leaves it.
    own = next(each for each in told["addresses"] if "." in each)
    alice.ip("address", "add", "10.8.0.250/24", "dev", "wire")
    wait_for(lambda: own not in addresses(alice) and "10.8.0.0/24" not in routes(alice), 5, "the network that was joined")
    refused = str(daemon.status()["client"]["refused"])
    check(f"address {own} (this host is connected to its network by wire)" in refused, f"refused: {refused}")
    check("10.20.0.0/16" in routes(alice), f"the other routes: {routes(alice)}")
    alice.ip("address", "del", "10.8.0.250/24", "dev", "wire")
    wait_for(lambda: own in addresses(alice) and "10.8.0.0/24" in routes(alice), 5, "the network that was left")

    # Another peer is the server by the file: this one's words are refused, by its name, and it may come back.
    lab.config(alice, OWN, [peer, {"name": "other", "public_key": lab.key(alice, "third.key")}], client={"server": "other"})
    alice.run(lab.tunneld, "reload", "tun0")
    check(addresses(alice) == ["10.99.0.1"], f"addresses of no server: {addresses(alice)}")
    server.section["push"] = {"routes": ["10.50.0.0/16"]}
    server.reload()
    wait_for(lambda: "configuration of office" in str(daemon.status()["client"]["refused"]), 5, "the refusal")
    check(daemon.log().count("peer office") and daemon.log().count("is not its server: refused") == 1, "one line")
    lab.config(alice, OWN, [peer], client={"server": "office"})
    alice.run(lab.tunneld, "reload", "tun0")
    wait_for(lambda: "10.50.0.0/16" in routes(alice), 5, "it is asked at once")

    # IPv6 that is off: the rest is taken.
    daemon.stop()
    alice.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    daemon = lab.start(alice, alice.config_path)
    told = configured(daemon)
    check(len(told["addresses"]) == 1 and "10.50.0.0/16" in routes(alice), f"without IPv6: {told}")
    check(sum("IPv6 is off" in words for words in told["refused"]) == 2, f"refused: {told['refused']}")

    # A client that the server removes gives back all that it had.
    known, server.peers = server.peers, []
    server.reload()
    wait_for(lambda: not daemon.status()["client"]["configured_by"], 5, "the removed client has nothing")
    check(addresses(alice) == ["10.99.0.1"] and not routes(alice), f"left: {addresses(alice)}, {routes(alice)}")
    check("office has withdrawn its configuration" in daemon.log(), "the log does not say so")
    server.peers = known
    server.reload()
    configured(daemon, 30)

    # A server that has no address for this host any more has taken back all that it gave.
    server.section["pool"] = ["10.8.0.0/30"]
    server.peers.append({"name": "bob", "public_key": lab.key(alice, "bob.key"), "address": ["10.8.0.2"]})
    server.reload()
    wait_for(lambda: not daemon.status()["client"]["configured_by"], 8, "what is taken back is gone")
    check(addresses(alice) == ["10.99.0.1"] and not routes(alice), f"left: {addresses(alice)}, {routes(alice)}")


if __name__ == "__main__":
    main(run)
