"""Debian's wireguard-go as initiator, with a preshared key: ping, TCP both ways, and a rekey while traffic runs."""
import re
import time

import wireguard_go
from harness import check, main

SLOW = True
WE_CALL = False


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    key_a, key_b = lab.key(a), lab.key(b)
    lab.psk(a, b)
    peer = {"name": "b", "public_key": key_b, "preshared_key_file": "preshared.key", "allowed_ips": ["10.9.0.2/32"]}
    if WE_CALL:
        peer["endpoints"] = ["203.0.113.2:51820"]
    config = lab.config(a, {"addresses": ["10.9.0.1/24"], "listen_port": 51820}, [peer])
    daemon = lab.start(a, config)
    endpoint = [] if WE_CALL else ["endpoint", "203.0.113.1:51820"]
    device = wireguard_go.start(lab, b, "10.9.0.2/24", [
        "private-key", b.directory / "private.key", "listen-port", "51820", "peer", key_a,
        "preshared-key", b.directory / "preshared.key", "allowed-ips", "10.9.0.1/32", *endpoint])

    check((a if WE_CALL else b).ping("10.9.0.2" if WE_CALL else "10.9.0.1") == 3, "the first pings make the session")
    check(b.ping("10.9.0.1") == 3 and a.ping("10.9.0.2") == 3, "ping both ways")
    check(a.iperf(b, "10.9.0.2", seconds=2)["bits_per_second"] > 20e6, "TCP to wireguard-go")
    check(b.iperf(a, "10.9.0.1", seconds=2)["bits_per_second"] > 20e6, "TCP from wireguard-go")
    check(daemon.peer("b")["cipher"] == "ChaCha20-Poly1305", "a stock peer gets WireGuard's cipher")

    # 130 s at 5 packets a second, over the rekey at 120 s: none may be lost.
    first = int(b.run("wg", "show", device, "latest-handshakes").stdout.split()[1])
    output = a.run("ping", "-n", "-i", "0.2", "-c", "650", "10.9.0.2", timeout=200, check_exit=False).stdout
    second = int(b.run("wg", "show", device, "latest-handshakes").stdout.split()[1])
    check(second - first >= 110, f"no rekey happened: {first}, {second}")
    received = int(re.search(r"(\d+) received", output).group(1))
    check(received >= 649, f"{650 - received} packets lost over the rekey")
    check(daemon.peer("b")["latest_handshake_seconds_ago"] < 60, "status knows of the rekey")


if __name__ == "__main__":
    main(run)
