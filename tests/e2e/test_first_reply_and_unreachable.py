"""wireguard-go that moves and restarts before a single ping gets its answer each time, and is not called back; packets for
nobody, and for a peer that has not called, are answered by ICMP."""
import re

import wireguard_go
from harness import check, main, wait_for

MOVES = 8
STARTS = 3


def initiations(host):
    return int(re.search(r"counter packets (\d+)", host.run("nft", "list ruleset").stdout).group(1))


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, ["203.0.113.1/24", "203.0.113.9/24"], b, "203.0.113.2/24")
    key_a, key_b, key_c = lab.key(a), lab.key(b), lab.key(b, "other.key")
    daemon = lab.start(
        a,
        lab.config(
            a,
            {"addresses": ["10.9.0.1/24", "fd09::1/64"], "listen_port": 51820},
            [
                {"name": "b", "public_key": key_b, "allowed_ips": ["10.9.0.2/32"]},
                {"name": "c", "public_key": key_c, "allowed_ips": ["10.9.0.3/32", "fd09::3/128"]},
            ],
        ),
    )
    # Calls of tunneld's own: type 1, to a peer that has called it.
    b.run(
        "nft",
        "add table inet t; add chain inet t c { type filter hook input priority 0; };"
        " add rule inet t c ip saddr 203.0.113.1 udp length 156 @th,64,8 1 counter",
    )

    def start(port, server="203.0.113.1"):
        return wireguard_go.start(
            lab,
            b,
            "10.9.0.2/24",
            [
                "private-key",
                b.directory / "private.key",
                "listen-port",
                port,
                "peer",
                key_a,
                "allowed-ips",
                "10.9.0.1/32",
                "endpoint",
                f"{server}:51820",
            ],
        )

    for turn in range(STARTS):
        device = start(1000)
        check(b.ping("10.9.0.1", count=1) == 1, f"the first ping of start {turn} was not answered")
        if turn < STARTS - 1:
            process = next(one for one in reversed(lab.processes) if "wireguard-go" in one.args)
            process.terminate()
            process.wait(timeout=5)
    check(initiations(b) == 0, f"called back {initiations(b)} times")

    answered = 0
    for move in range(MOVES):
        b.run("wg", "set", device, "listen-port", 1001 + move)
        answered += b.ping("10.9.0.1", count=1, wait=1)
    check(answered == MOVES, f"{answered} of {MOVES} single pings after a move were answered")
    wait_for(lambda: daemon.peer("b")["endpoint"] == f"203.0.113.2:{1000 + MOVES}", 2, "status knows of the last move")
    # The peer calls another of our addresses: what it gets back comes from there.
    b.run("wg", "set", device, "peer", key_a, "endpoint", "203.0.113.9:51820")
    check(b.ping("10.9.0.1", count=1, wait=1) == 1, "a ping to another address of the server was not answered")
    check("203.0.113.9:51820" in b.run("wg", "show", device, "endpoints").stdout, "answered from the address before")

    before = daemon.status()["icmp_errors_sent"]
    for address, words in (
        ("10.9.0.77", "no peer has it"),
        ("10.9.0.3", "its peer has not called"),
        ("fd09::3", "the same, IPv6"),
    ):
        output = a.run("ping", "-n", "-c", 1, "-W", 2, address, check_exit=False).stdout
        check("nreachable" in output, f"{address} ({words}) is not told as unreachable:\n{output}")
    check(daemon.status()["icmp_errors_sent"] >= before + 3, "status counts the answers")
    lab.check_nothing_left()


if __name__ == "__main__":
    main(run)
