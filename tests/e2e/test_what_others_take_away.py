"""What others take away of what tunneld made on the host (rules, nft table, addresses, routes, the link itself) is put back
at once, each thing at most once in 5 s; the log says what and by whom; status and doctor say what is missing; a reload
repairs. A reload that takes the last IPv4 address away keeps the full tunnel."""
import time

from booted import sender
from harness import check, check_same_state, main, wait_for


def run(lab):
    client, server = lab.host("client"), lab.host("server")
    lab.wire(client, ["203.0.113.1/24", "2001:db8::1/64"], server, ["203.0.113.2/24", "203.0.113.9/24", "2001:db8::2/64"])
    for gateway in ("203.0.113.2", "2001:db8::2"):
        client.ip("route", "add", "default", "via", gateway)
    keys = {host: lab.key(host) for host in (client, server)}
    for host in (client, server):
        wait_for(lambda host=host: "NO-CARRIER" not in host.ip("link"), 5, "the wire is up")
    before = {host: host.state() for host in (client, server)}
    servers = lab.start(
        server,
        lab.config(
            server,
            {"addresses": ["10.9.0.2/24", "fd09::2/64"], "listen_port": 51820},
            [
                {
                    "name": "client",
                    "public_key": keys[client],
                    "allowed_ips": ["10.9.0.1/32", "fd09::1/128"],
                    "group": "guest",
                }
            ],
            groups={"guest": {"allow": ["10.9.0.2/icmp", "fd09::2/icmp"]}},
        ),
    )

    def write(addresses):
        return lab.config(
            client,
            {"addresses": addresses},
            [
                {
                    "name": "server",
                    "public_key": keys[server],
                    "endpoints": ["203.0.113.2:51820"],
                    "allowed_ips": ["0.0.0.0/0", "::/0"],
                }
            ],
            client={"kill_switch": True},
        )

    daemon = lab.start(client, write(["10.9.0.1/24", "fd09::1/64"]))
    wait_for(lambda: client.reaches("10.9.0.2"), 5, "through the tunnel")
    made = {host: host.state() for host in (client, server)}

    def is_back(host=client):
        # A table that is made again stands behind the others.
        return sorted(host.state().splitlines()) == sorted(made[host].splitlines())

    def tunnelled(address):
        return " dev tun0 " in client.ip("route", "get", address)

    # One thing of each kind; different ones do not wait for each other.
    rules = [line.split(":")[0] for line in client.ip("rule").splitlines()]
    for rule in rules:
        if 0 < int(rule) < 32766:
            client.ip("rule", "del", "pref", rule)
            wait_for(lambda: tunnelled("198.51.100.7"), 1, f"rule {rule} is back")
    seen = "table inet seen { counter outside {}; chain in { type filter hook prerouting priority 0; udp dport 4444 counter name outside; }; }"
    server.run("nft", seen)
    outside = client.popen("python3", "-c", sender("203.0.113.9", "wire"))
    for _ in range(5):
        client.run("nft", "flush", "ruleset")
        time.sleep(0.3)
    counted = server.run("nft", "list", "counter", "inet", "seen", "outside").stdout
    check("packets 0 " in counted, f"nothing leaves while all tables are flushed again and again: {counted}")
    client.run("nft", "delete", "table", "inet", "tunneld-tun0-guard", check_exit=False)
    check("tunneld-tun0-guard" in client.run("nft", "list", "tables").stdout, "nobody can take the guard away")
    outside.kill()
    outside.wait()
    server.run("nft", "delete", "table", "inet", "seen")
    wait_for(is_back, 7, "the kill switch is back when its pause is over")
    time.sleep(5)  # the pause before the next time
    client.run("nft", "flush", "ruleset")
    wait_for(is_back, 1, "the kill switch is back")
    check(client.ping("203.0.113.9", count=1, wait=1) == 0, "and closed")
    server.run("nft", "flush", "ruleset")
    wait_for(lambda: is_back(server), 1, "the rules of the restricted peer are back")
    client.ip("link", "set", "tun0", "down")
    wait_for(is_back, 2, "the link is up, with addresses and routes of both families")
    check(client.reaches("10.9.0.2") and client.reaches("fd09::2"), "and the tunnel works")
    check(
        "taken away: rule" in daemon.log()
        and "taken away: nft table" in daemon.log()
        and "taken away: link tun0" in daemon.log(),
        f"the log names what was taken:\n{daemon.log()}",
    )
    host = servers.status()["host"]
    check(host["missing"] == [] and host["put_back"] == 1 and "nft table" in host["last"]["what"], f"status: {host}")

    # A program that does not give up: answered once in 5 s, and said. Doctor looks while the rule is away.
    fighter = client.popen(
        "sh",
        "-c",
        "while sleep 0.05; do ip rule del pref %s 2>/dev/null && echo; done" % rules[-3],
        stdout=open(client.directory / "fight.txt", "w"),
    )
    started = time.monotonic()
    wait_for(lambda: "keeps taking away: rule" in daemon.log(), 7, "the fight is named")
    host = daemon.status()["host"]
    check(any("rule" in word for word in host["missing"]), f"status says what is missing: {host}")
    check("MISSING on this host: rule" in client.run(lab.tunneld, "status").stdout, "for people, too")
    doctor = client.run(lab.tunneld, "doctor", check_exit=False)
    check(doctor.returncode != 0 and "missing on this host" in doctor.stdout and "rule" in doctor.stdout, doctor.stdout)
    fighter.kill()
    fighter.wait()
    answers = len((client.directory / "fight.txt").read_text())
    check(
        2 <= answers <= 2 + (time.monotonic() - started) / 5,
        f"put back {answers} times in {time.monotonic() - started:.1f} s",
    )
    check(daemon.log().count("keeps taking away: rule") == 1, "one warning")
    # A reload does not wait for the pause, and one without IPv4 addresses keeps the way into the tunnel.
    write(["fd09::1/64"])
    client.run(lab.tunneld, "reload")
    check(
        tunnelled("198.51.100.7") and tunnelled("2001:db8:1::7"),
        "the full tunnel after a reload that takes IPv4 addresses away",
    )
    check(daemon.status()["host"]["missing"] == [], "nothing is missing")
    write(["10.9.0.1/24", "fd09::1/64"])
    client.run(lab.tunneld, "reload")
    check(client.reaches("10.9.0.2"), "and back")

    # All that was made again is undone.
    client.ip("-4", "address", "flush", "dev", "tun0")
    wait_for(lambda: client.reaches("10.9.0.2"), 7, "addresses and routes are back")
    daemon.stop()
    servers.stop()
    for host, state in before.items():
        check_same_state(state, host.state(), host.name)


if __name__ == "__main__":
    main(run)
