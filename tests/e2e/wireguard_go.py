"""Debian's wireguard-go, driven by wg, as the other end."""
import re

from harness import check, sh, wait_for


def start(lab, host, address, commands):
    """wireguard-go on device wg0 of `host`, configured by `wg set wg0 COMMANDS`."""
    # Sockets of all namespaces meet in /var/run/wireguard: the device's name must be unique.
    device = f"w{host.namespace.replace('-', '')}"[:15]
    host.popen("wireguard-go", "-f", device, environment={"LOG_LEVEL": "error"})
    wait_for(
        lambda: sh("ip", "-n", host.namespace, "link", "show", device, check_exit=False).returncode == 0, 5, "wg device"
    )
    wait_for(lambda: host.run("wg", "show", device, check_exit=False).returncode == 0, 5, "wg socket")
    host.run("wg", "set", device, *commands)
    host.ip("address", "add", address, "dev", device)
    host.ip("link", "set", device, "mtu", "1420", "up")
    return device


def check_interoperation(lab, we_call):
    """tunneld on a, wireguard-go on b; `we_call`: tunneld is the initiator."""
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    key_a, key_b = lab.key(a), lab.key(b)
    lab.psk(a, b)
    peer = {"name": "b", "public_key": key_b, "preshared_key_file": "preshared.key", "allowed_ips": ["10.9.0.2/32"]}
    if we_call:
        peer["endpoints"] = ["203.0.113.2:51820"]
    config = lab.config(a, {"addresses": ["10.9.0.1/24"], "listen_port": 51820}, [peer])
    daemon = lab.start(a, config)
    endpoint = [] if we_call else ["endpoint", "203.0.113.1:51820"]
    device = start(
        lab,
        b,
        "10.9.0.2/24",
        [
            "private-key",
            b.directory / "private.key",
            "listen-port",
            "51820",
            "peer",
            key_a,
            "preshared-key",
            b.directory / "preshared.key",
            "allowed-ips",
            "10.9.0.1/32",
            *endpoint,
        ],
    )

    check((a if we_call else b).ping("10.9.0.2" if we_call else "10.9.0.1") == 3, "the first pings make the session")
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
