"""One server, three tunneld clients and a stock WireGuard client at once: each gets its addresses, routes and a session,
reaches what it may and nothing else; client_to_client opens the rest, live. Everybody's host is afterwards as it was."""
import wireguard_go
from harness import check, check_same_state, wait_for
from road_warriors import Server, addresses, configured, routes


def run(lab):
    server = Server(
        lab,
        push={
            "routes": ["192.168.10.0/24"],
            "mtu": 1400,
            "keepalive": "20s",
            "dns": {"servers": ["10.8.0.1"], "search": ["corp.example"]},
        },
    )
    alice = server.client("alice", address=["10.8.0.10"])
    bob = server.client("bob", push={"routes": ["192.168.20.0/24"]})
    carol = server.client("carol", allowed_ips=["10.77.0.0/24"])
    phone, endpoint = server.wire("phone")
    server.peers.append({"name": "phone", "public_key": lab.key(phone), "address": ["10.8.0.20"]})
    server.host.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    # A host in the office, and one behind carol.
    for host, address in ((server.host, "192.168.10.1/32"), (server.host, "192.168.20.1/32"), (carol, "10.77.0.1/32")):
        host.ip("address", "add", address, "dev", "lo")
    hosts = [server.host, alice, bob, carol]
    wait_for(lambda: not any("NO-CARRIER" in host.ip("link") for host in hosts), 5, "the wires are up")
    before = [host.state() for host in hosts]

    server.start()
    daemons = [lab.start(host, host.config_path) for host in (alice, bob, carol)]
    device = wireguard_go.start(
        lab,
        phone,
        "10.8.0.20/24",
        [
            "private-key",
            phone.directory / "private.key",
            "peer",
            server.key,
            "endpoint",
            endpoint,
            "allowed-ips",
            "10.8.0.0/24,192.168.10.0/24",
        ],
    )
    phone.ip("route", "add", "192.168.10.0/24", "dev", device)
    told = [configured(daemon) for daemon in daemons]

    # Addresses: alice's own, the others' from the pool, one of each family, no two the same.
    check("10.8.0.10" in told[0]["addresses"], f"alice has {told[0]['addresses']}")
    everybody = [address for client in told for address in client["addresses"]]
    check(len(everybody) == 6 and len(set(everybody)) == 6, f"addresses: {everybody}")
    check(not {"10.8.0.1", "10.8.0.20", "fd08::1"} & set(everybody), f"reserved ones were given: {everybody}")
    for host, client in zip((alice, bob, carol), told):
        check(addresses(host) == sorted(client["addresses"]), f"{host.name} has {addresses(host)}")
        check("mtu 1400" in host.ip("link", "show", "tun0"), "the pushed mtu")
    check(routes(alice) == ["10.8.0.0/24", "192.168.10.0/24", "fd08::/64"], f"alice's routes: {routes(alice)}")
    check(routes(bob) == ["10.8.0.0/24", "192.168.20.0/24", "fd08::/64"], f"bob's routes: {routes(bob)}")
    check(daemons[0].peer("office")["persistent_keepalive"] == 20, "the pushed keepalive")
    check(told[0]["dns_servers"] == ["10.8.0.1"] and told[0]["dns_search"] == ["corp.example"], "the pushed DNS")

    # What they may.
    for host in (alice, bob, carol):
        check(host.ping("10.8.0.1") == 3 and host.ping("fd08::1") == 3, f"{host.name} to the server")
    check(phone.ping("10.8.0.1") == 3 and phone.ping("192.168.10.1") == 3, "the phone to server and office")
    check(alice.ping("192.168.10.1") == 3 and bob.ping("192.168.20.1") == 3, "into the office")
    check(server.host.ping("10.77.0.1") == 3, "to the network behind carol")
    # And nothing else.
    others = {"bob": told[1]["addresses"][0], "carol": told[2]["addresses"][0], "phone": "10.8.0.20"}
    drops = server.daemon.status()["drops"]["not_forwarded"]
    for name, address in others.items():
        check(not alice.reaches(address), f"alice reaches {name}")
    check(not phone.reaches("10.8.0.10"), "the phone reaches alice")
    check(server.daemon.status()["drops"]["not_forwarded"] >= drops + 4, "the refused packets are not counted")
    handshakes = [daemon.peer("office")["latest_handshake_seconds_ago"] for daemon in daemons]

    # client_to_client, without a new session.
    server.section["client_to_client"] = True
    server.reload()
    for name, address in others.items():
        check(alice.ping(address) == 3, f"alice to {name}")
    check(phone.ping("10.8.0.10") == 3, "the phone to alice")
    check(bob.ping(told[0]["addresses"][1] if ":" in told[0]["addresses"][1] else told[0]["addresses"][0]) == 3, "IPv6")
    for daemon, age in zip(daemons, handshakes):
        check(daemon.peer("office")["latest_handshake_seconds_ago"] >= age, "a new handshake")

    for daemon in daemons:
        daemon.stop()
    wait_for(lambda: server.daemon.peer("alice")["state"] == "idle", 2, "BYE ends alice's session at the server at once")
    server.daemon.stop()
    for host, state in zip(hosts, before):
        check_same_state(state, host.state(), f"{host.name} after SIGTERM")


if __name__ == "__main__":
    from harness import main

    main(run)
