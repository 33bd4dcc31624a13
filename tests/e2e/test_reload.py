"""`tunneld reload` makes the interface what the file says: peers, addresses, routes, MTU. The sessions of the peers that
stay lose no packet. A broken file changes nothing, and is named with its line."""
import re
import signal

from harness import check, check_same_state, main, wait_for


def run(lab):
    hub = lab.host("hub")
    spokes = [lab.host(f"s{n}") for n in (1, 2)]
    hub_key = lab.key(hub)
    keys = [lab.key(spoke) for spoke in spokes]
    for n, spoke in enumerate(spokes, 1):
        lab.wire(hub, f"192.0.2.{n * 4 + 1}/30", spoke, f"192.0.2.{n * 4 + 2}/30", name_a=f"wire{n}")
    before = hub.state()

    def peer(n, **more):
        return {"name": f"s{n}", "public_key": keys[n - 1], "allowed_ips": [f"10.9.0.{n}/32"], **more}

    def write(peers, **interface):
        return lab.config(hub, {"addresses": ["10.9.0.254/24"], "listen_port": 51820, **interface}, peers)

    hub_daemon = lab.start(hub, write([peer(1)]))
    for n, spoke in enumerate(spokes, 1):
        lab.start(
            spoke,
            lab.config(
                spoke,
                {"addresses": [f"10.9.0.{n}/24"]},
                [
                    {
                        "name": "hub",
                        "public_key": hub_key,
                        "endpoints": [f"192.0.2.{n * 4 + 1}:51820"],
                        "allowed_ips": ["10.9.0.0/24"],
                        "persistent_keepalive": "1s",
                    }
                ],
            ),
        )
    check(spokes[0].ping("10.9.0.254") == 3, "the first spoke reaches the hub")
    check(not spokes[1].reaches("10.9.0.254"), "the second spoke is not known yet")

    handshake = hub_daemon.peer("s1")["latest_handshake_seconds_ago"]
    steady = spokes[0].popen(
        "ping", "-n", "-i", "0.01", "-c", "300", "10.9.0.254", stdout=open(spokes[0].directory / "ping.txt", "w")
    )
    # Many reloads under a steady ping: one peer comes, changes, goes, and comes again.
    write([peer(1), peer(2)])
    output = hub.run(lab.tunneld, "reload").stdout
    check("1 peer added, 0 removed" in output, f"reload says what it did: {output}")
    # The spoke kept asking; its next handshake is answered.
    wait_for(lambda: spokes[1].reaches("10.9.0.254"), 8, "the new peer gets through")
    write([peer(1), peer(2, allowed_ips=["10.9.0.2/32", "10.77.0.0/16"])], mtu=1380)
    hub.run(lab.tunneld, "reload")
    check("10.77.0.0/16" in hub.ip("route"), "the route of the new allowed IP")
    check("mtu 1380" in hub.ip("link", "show", "tun0"), "the new MTU")
    write([peer(1)], mtu=1380)
    hub.run(lab.tunneld, "reload")
    check("10.77.0.0/16" not in hub.ip("route"), "the route of the removed peer")
    check(not spokes[1].reaches("10.9.0.254"), "a removed peer's session ends at once")
    check(len(hub_daemon.status()["peers"]) == 1, "one peer is left")

    # A broken file: said with its line, nothing changes; SIGHUP is a reload too.
    running = hub.state()
    path = write([peer(1)])
    path.write_text(path.read_text().replace('"allowed_ips"', '"alowed_ips"'))
    failed = hub.run(lab.tunneld, "reload", check_exit=False)
    check(failed.returncode != 0 and re.search(r"tunneld.yaml:\d+:\d+", failed.stdout), f"the line: {failed.stdout}")
    hub_daemon.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reload: " in hub_daemon.log(), 5, "SIGHUP logs what is wrong")
    check_same_state(running, hub.state(), "after a reload that failed")
    # A route that somebody else has: nothing changes either.
    hub.ip("route", "add", "10.66.0.0/16", "via", "192.0.2.6")
    running = hub.state()
    write([peer(1, allowed_ips=["10.9.0.1/32", "10.66.0.0/16", "10.67.0.0/16"])], addresses=["10.9.0.253/24"], mtu=1380)
    failed = hub.run(lab.tunneld, "reload", check_exit=False)
    check(failed.returncode != 0 and "10.66.0.0/16" in failed.stdout, f"names the route: {failed.stdout}")
    check_same_state(running, hub.state(), "after a reload that the host refused")
    hub.ip("route", "del", "10.66.0.0/16")
    # What needs a restart is named, and the rest is done.
    write([peer(1)], listen_port=51999, addresses=["10.9.0.254/24", "fd09::fe/64"])
    output = hub.run(lab.tunneld, "reload").stdout
    check("listen_port" in output and "restart" in output, f"names what needs a restart: {output}")
    check(hub_daemon.status()["interface"]["listen_port"] == 51820, "the port stays")
    check("fd09::fe" in hub.ip("address", "show", "tun0"), "the address is added")

    steady.wait(timeout=20)
    words = (spokes[0].directory / "ping.txt").read_text()
    check("300 received" in words, f"pings were lost: {words[-300:]}")
    check(hub_daemon.peer("s1")["latest_handshake_seconds_ago"] >= handshake, "the session was made anew")
    hub_daemon.stop()
    check_same_state(before, hub.state(), "after the stop")


if __name__ == "__main__":
    main(run)
