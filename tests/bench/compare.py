#!/usr/bin/env python3
"""tunneld beside other VPNs over the same wire, one at a time, in interleaved rounds, so that a machine whose speed drifts
does not favour anybody. Prints a table of medians with their spread; --json writes every figure, --svg draws the chart.

  sudo tests/bench/compare.py [--rounds 3] [--seconds 3] [--wire] [--only TEXT] [--tap] [--scale]
                              [--handshakes] [--tunneld PATH] [--handshake-load PATH] [--json FILE] [--svg FILE]

Both hosts, both daemons and both ends of each measurement share this machine's cores: quote ratios, not rates. By default
superpackets cross the veth pair whole; --wire turns its offloads off, so that 1500-byte packets cross, as on a network
card. Instead of all that, --tap measures tunneld with a tap beside tunneld with a tun, --scale tunneld with 1, 1,000 and
10,000 configured peers, --handshakes how many handshakes of 1,000 clients a server completes (handshake_load is built with
-DTUNNELD_BENCH=ON). The other VPNs are Debian's packages
(apt-get install wireguard-go wireguard-tools openvpn fastd tinc); what is not installed is left out, and said so.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import chart  # noqa: E402
import other_vpns  # noqa: E402
import wireguard_go  # noqa: E402
from harness import Lab, sh, wait_for  # noqa: E402

RAW = "raw veth"
REFERENCE = "wireguard-go"
# What runs at both ends, and whatever chooses its cipher.
ENTRIES = {
    RAW: None,
    "tunneld AES-256-GCM, ipsec-mb": ("tunneld", "ipsec-mb", "auto"),
    "tunneld AES-256-GCM, libsodium": ("tunneld", "libsodium", "auto"),
    "tunneld ChaCha20-Poly1305, ipsec-mb": ("tunneld", "ipsec-mb", "off"),
    "tunneld ChaCha20-Poly1305, libsodium": ("tunneld", "libsodium", "off"),
    REFERENCE: ("wireguard-go",),
    "tunneld to wireguard-go": ("tunneld", "ipsec-mb", "off"),
    "openvpn AES-256-GCM": ("openvpn", "AES-256-GCM"),
    "openvpn ChaCha20-Poly1305": ("openvpn", "CHACHA20-POLY1305"),
    "fastd salsa2012+umac": ("fastd", "salsa2012+umac"),
    "tinc AES-256-CBC, SHA-256": ("tincd", "aes-256-cbc"),
}
# For --tap: each tap beside the tun that it is compared with.
TUNS = ("tun, AES-256-GCM", "tun, ChaCha20-Poly1305")
LAYERS = {
    TUNS[0]: ("tunneld", "ipsec-mb", "auto", "tun"),
    "tap, AES-256-GCM": ("tunneld", "ipsec-mb", "auto", "tap"),
    TUNS[1]: ("tunneld", "ipsec-mb", "off", "tun"),
    "tap, ChaCha20-Poly1305": ("tunneld", "ipsec-mb", "off", "tap"),
}
DAEMONS = ("tunneld", "wireguard-go", "openvpn", "fastd", "tincd")
INNER = "10.9.0.2"


def wire(lab, offloads_off):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    if offloads_off:
        for host in (a, b):
            host.run("ethtool", "-K", "wire", "tso", "off", "gso", "off", "tx-udp-segmentation", "off")
    return a, b


def start_tunneld(lab, host, own, other, engine, fast_cipher, kind="tun"):
    peer = {"name": "other", "public_key": other, "endpoints": [f"203.0.113.{3 - own}:51820"]}
    if kind == "tun":
        peer["allowed_ips"] = [f"10.9.0.{3 - own}/32"]
    config = lab.config(
        host,
        {"name": f"{kind}0", "type": kind, "addresses": [f"10.9.0.{own}/24"], "listen_port": 51820},
        [peer],
        crypto={"engine": engine, "fast_cipher": fast_cipher},
    )
    return lab.start(host, config)


def start_wireguard_go(lab, host, own, other):
    wireguard_go.start(
        lab,
        host,
        f"10.9.0.{own}/24",
        [
            "private-key",
            host.directory / "private.key",
            "listen-port",
            "51820",
            "peer",
            other,
            "allowed-ips",
            f"10.9.0.{3 - own}/32",
            "endpoint",
            f"203.0.113.{3 - own}:51820",
        ],
    )


def set_up(lab, entry, offloads_off):
    """Returns a, b and the address of b to measure to."""
    hosts = a, b = wire(lab, offloads_off)
    if entry == RAW:
        return a, b, "203.0.113.2"
    program, *settings = {**ENTRIES, **LAYERS}[entry]
    daemon = None
    if program == "openvpn":
        other_vpns.start_openvpn(hosts, *settings)
    elif program == "fastd":
        other_vpns.start_fastd(hosts, *settings)
    elif program == "tincd":
        other_vpns.start_tinc(hosts, *settings)
    else:
        key_a, key_b = lab.key(a), lab.key(b)
        if program == "tunneld":
            daemon = start_tunneld(lab, a, 1, key_b, *settings)
        else:
            start_wireguard_go(lab, a, 1, key_b)
        if program == "tunneld" and "wireguard-go" not in entry:
            start_tunneld(lab, b, 2, key_a, *settings)
        else:
            start_wireguard_go(lab, b, 2, key_a)
    wait_for(lambda: a.reaches(INNER), 20, f"{entry} comes up")
    if daemon and settings[1] == "auto":
        wait_for(lambda: daemon.peer("other")["cipher"] == "AES-256-GCM", 5, "the cipher is agreed")
    return a, b, INNER


def daemon_pids(hosts):
    for host in hosts:
        for pid in sh("ip", "netns", "pids", host.namespace).stdout.split():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in DAEMONS:
                    yield pid
            except FileNotFoundError:
                pass


def cpu_seconds(hosts):
    """User and system time of the VPN daemons on these hosts."""
    ticks = 0
    for pid in daemon_pids(hosts):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def resident_mb(hosts):
    """Of the largest daemon."""
    sizes = [
        int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
        for pid in daemon_pids(hosts)
    ]
    return max(sizes, default=0) / 1024


def ping_times(host, address, count, interval):
    output = host.run("ping", "-n", "-c", count, "-i", interval, address, check_exit=False).stdout
    return sorted(float(ms) for ms in re.findall(r"time=([\d.]+)", output))


def percentile(ordered, part):
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def packets_per_second(a, b, address, size, udp_load, seconds):
    counter = b.popen(udp_load, "count", "9000", size, seconds, stdout=subprocess.PIPE)
    wait_for(lambda: ":9000" in b.run("ss", "-lun").stdout, 5, "the counter listens")
    a.run(udp_load, "send", address, "9000", size, seconds)
    return int(counter.communicate(timeout=30)[0]) / seconds


def measure(lab, entry, seconds, offloads_off, udp_load):
    a, b, address = set_up(lab, entry, offloads_off)
    figures = {}
    times = ping_times(a, address, 200, 0.005)
    figures["ping us p50"] = 1000 * percentile(times, 0.5)
    figures["ping us p99"] = 1000 * percentile(times, 0.99)
    before = cpu_seconds((a, b))
    received = a.iperf(b, address, seconds=seconds)
    figures["tcp Gbit/s"] = received["bits_per_second"] / 1e9
    if entry != RAW:
        figures["cpu s/GB"] = (cpu_seconds((a, b)) - before) / (received["bytes"] / 1e9)
    figures["tcp x4 Gbit/s"] = a.iperf(b, address, "-P", "4", seconds=seconds)["bits_per_second"] / 1e9
    figures["tcp reverse Gbit/s"] = a.iperf(b, address, "-R", seconds=seconds)["bits_per_second"] / 1e9
    for size in (64, 1300):
        rate = packets_per_second(a, b, address, size, udp_load, seconds)
        figures[f"{size} B kpackets/s"] = rate / 1000
    # Ping under one greedy flow.
    listener = b.iperf_server()
    flow = a.popen("iperf3", "-c", address, "-t", "4")
    loaded = ping_times(a, address, 300, 0.01)
    flow.wait(timeout=30)
    listener.wait(timeout=10)
    if loaded:
        figures["loaded ping ms p50"] = percentile(loaded, 0.5)
        figures["loaded ping ms p99"] = percentile(loaded, 0.99)
    if entry != RAW:
        figures["resident MB"] = resident_mb((a, b))
    return figures


def scale(lab, peers, seconds):
    """tunneld with `peers` configured peers at one end, one of which is there."""
    a, b = wire(lab, False)
    key_a, key_b = lab.key(a), lab.key(b)
    others = [
        {
            "name": f"p{i}",
            "public_key": base64.b64encode(os.urandom(31) + b"\x01").decode(),
            "allowed_ips": [f"10.{64 + i // 65536}.{i // 256 % 256}.{i % 256}/32"],
        }
        for i in range(peers - 1)
    ]
    there = {"name": "b", "public_key": key_b, "endpoints": ["203.0.113.2:51820"], "allowed_ips": [f"{INNER}/32"]}
    config = lab.config(a, {"addresses": ["10.9.0.1/24"], "listen_port": 51820}, [], routes="none")
    # One peer a line: so long a configuration is refused in brackets.
    fields = json.loads(config.read_text())
    fields.pop("peers")
    config.write_text(
        "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())
        + "peers:\n"
        + "".join(f"  - {json.dumps(peer)}\n" for peer in [*others, there])
    )
    begin = time.monotonic()
    lab.start(a, config, log_level="info", ready=False).wait_ready(60)
    figures = {"start s": time.monotonic() - begin}
    start_tunneld(lab, b, 2, key_a, "auto", "auto")
    wait_for(lambda: a.reaches(INNER), 20, "the tunnel comes up")
    figures["tcp Gbit/s"] = a.iperf(b, INNER, seconds=seconds)["bits_per_second"] / 1e9
    figures["resident MB"] = resident_mb((a,))
    return figures


def handshakes(lab, program, seconds, load, clients=1000):
    """A server and many clients, each of which has an address of its own, because servers under load limit each."""
    server, crowd = wire(lab, False)
    keys = sh(load, "keys", clients).stdout.split()
    server.ip("route", "add", "10.128.0.0/16", "via", "203.0.113.2")
    crowd.ip("route", "add", "local", "10.128.0.0/16", "dev", "lo")
    own = lab.key(server)
    networks = [f"10.64.{i // 256}.{i % 256}/32" for i in range(clients)]
    if program == "tunneld":
        config = lab.config(
            server,
            {"addresses": ["10.9.0.1/24"], "listen_port": 51820},
            [
                {"name": f"p{i}", "public_key": key, "allowed_ips": [network]}
                for i, (key, network) in enumerate(zip(keys, networks))
            ],
            routes="none",
        )
        lab.start(server, config, log_level="warning")
    else:
        wireguard_go.start(
            lab,
            server,
            "10.9.0.1/24",
            [
                "private-key",
                server.directory / "private.key",
                "listen-port",
                "51820",
                *(word for key, network in zip(keys, networks) for word in ("peer", key, "allowed-ips", network)),
            ],
        )
    before = cpu_seconds((server,))
    completed, initiations, cookies = map(
        int,
        crowd.run(
            load, "run", own, "203.0.113.1", "51820", clients, seconds, "10.128.0.1", timeout=60 + seconds
        ).stdout.split(),
    )
    return {
        "handshakes/s": completed / seconds,
        "initiations each": initiations / max(completed, 1),
        "cookies each": cookies / max(completed, 1),
        "server cpu us each": 1e6 * (cpu_seconds((server,)) - before) / max(completed, 1),
    }


def rounds_of(arguments, names, measure_one):
    results = {name: [] for name in names}
    for number in range(arguments.rounds):
        for name in names:
            print(f"round {number + 1}: {name}", file=sys.stderr, flush=True)
            lab = Lab(arguments.tunneld)
            try:
                results[name].append(measure_one(lab, name))
            finally:
                lab.close()
    return results


def print_table(results, references):
    columns = list(dict.fromkeys(column for rounds in results.values() for figures in rounds for column in figures))
    print("| | " + " | ".join(columns) + "".join(f" | tcp: x {name}" for name in references) + " |")
    print("| --- |" + " --- |" * (len(columns) + len(references)))
    for entry, rounds in results.items():
        cells = []
        for column in columns:
            values = [figures[column] for figures in rounds if column in figures]
            cells.append(f"{statistics.median(values):.3g} [{min(values):.3g}-{max(values):.3g}]" if values else "-")
        for name in references:
            ratios = [mine["tcp Gbit/s"] / theirs["tcp Gbit/s"] for mine, theirs in zip(rounds, results[name])]
            cells.append(f"{statistics.median(ratios):.2f}")
        print(f"| {entry} | " + " | ".join(cells) + " |")


def chosen(only):
    names = []
    for name, entry in ENTRIES.items():
        if only and only not in name and name not in (RAW, REFERENCE):
            continue
        program = "wireguard-go" if "wireguard-go" in name else entry[0] if entry else "tunneld"
        if program != "tunneld" and other_vpns.missing(program):
            package = other_vpns.PACKAGES.get(program, program)
            print(f"left out: {name} ({program} is not installed: apt-get install {package})", file=sys.stderr)
            continue
        names.append(name)
    return names


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tunneld", default=ROOT / "build/release/tunneld")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--wire", action="store_true")
    parser.add_argument("--only", help="only the entries whose name has this text, and the references")
    parser.add_argument("--tap", action="store_true")
    parser.add_argument("--scale", action="store_true")
    parser.add_argument("--handshakes", action="store_true")
    parser.add_argument("--handshake-load", default=ROOT / "build/bench/tests/bench/handshake_load")
    parser.add_argument("--json")
    parser.add_argument("--svg")
    arguments = parser.parse_args()
    if arguments.scale:
        results = rounds_of(arguments, [1, 1000, 10000], lambda lab, peers: scale(lab, peers, arguments.seconds))
        print_table({f"{peers:,} peers": rounds for peers, rounds in results.items()}, [])
    elif arguments.handshakes:
        results = rounds_of(
            arguments,
            ["tunneld", REFERENCE],
            lambda lab, program: handshakes(lab, program, arguments.seconds, arguments.handshake_load),
        )
        print_table(results, [])
    else:
        with tempfile.TemporaryDirectory() as directory:
            udp_load = f"{directory}/udp_load"
            sh("c++", "-O2", "-std=c++20", "-o", udp_load, ROOT / "tests/bench/udp_load.cc")
            names = list(LAYERS) if arguments.tap else chosen(arguments.only)
            results = rounds_of(
                arguments, names, lambda lab, entry: measure(lab, entry, arguments.seconds, arguments.wire, udp_load)
            )
        print_table(results, [name for name in (RAW, REFERENCE, *TUNS) if name in results])
        if arguments.svg:
            medians = {
                name: statistics.median(figures["tcp Gbit/s"] for figures in rounds) for name, rounds in results.items()
            }
            pathlib.Path(arguments.svg).write_text(chart.bars(medians, RAW))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
