"""A wire that loses, doubles and corrupts packets: TCP through the tunnel goes on, and nothing forged gets through."""
import re

from harness import check, main

VARIANTS = True


def run(lab):
    a, b = lab.pair()
    check(a.ping("10.9.0.2") == 3, "ping")
    b.run(
        "nft",
        "table netdev t { chain i { type filter hook ingress device wire priority 0;"
        " ip protocol udp numgen random mod 1000 < 20 counter drop; }; };",
    )
    b.run(
        "nft",
        "table ip u { chain i { type filter hook input priority 0;"
        " udp dport 51820 numgen random mod 100 < 3 counter @th,256,8 set 0x5a; }; };",
    )
    a.run(
        "nft",
        "table netdev t { chain e { type filter hook egress device wire priority 0;"
        " ip protocol udp numgen random mod 100 < 3 counter dup to wire; }; };",
    )
    before = b.daemon.status()["drops"]
    received = a.iperf(b, "10.9.0.2", seconds=4)
    check(received["bytes"] > 200e3, f"TCP under loss: {received}")
    after = b.daemon.status()["drops"]
    check(after["forged"] > before["forged"], f"corrupt packets are not refused: {after}")
    check(after["replayed"] > before["replayed"], f"doubled packets are not refused: {after}")
    rules = b.run("nft", "list ruleset").stdout + a.run("nft", "list ruleset").stdout
    for packets in re.findall(r"counter packets (\d+)", rules):
        check(int(packets) > 0, f"a fault did not happen:\n{rules}")
    check(b.daemon.peer("a")["endpoint"] == "203.0.113.1:51820", "the endpoint moved")


if __name__ == "__main__":
    main(run)
