#!/usr/bin/env python3
"""tunneld beside other VPNs over the same wire, one at a time, in interleaved rounds, so that a machine whose speed drifts
does not favour anybody. Prints a table of medians with ratios to wireguard-go; --json writes every figure.

  sudo tests/bench/compare.py [--rounds 3] [--seconds 3] [--wire] [--tunneld PATH] [--json FILE]

Both hosts, both daemons and both ends of iperf3 share this machine's cores: quote ratios, not rates. By default superpackets
cross the veth pair whole; --wire turns its offloads off, so that 1500-byte packets cross, as on a network card.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import wireguard_go  # noqa: E402
from harness import Lab, sh, wait_for  # noqa: E402

ENTRIES = ["raw veth", "tunneld AES-256-GCM, ipsec-mb", "tunneld ChaCha20-Poly1305, ipsec-mb",
           "tunneld ChaCha20-Poly1305, libsodium", "wireguard-go", "tunneld to wireguard-go"]
DAEMONS = ("tunneld", "wireguard-go")


def wire(lab, offloads_off):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    if offloads_off:
        for host in (a, b):
            host.run("ethtool", "-K", "wire", "tso", "off", "gso", "off", "tx-udp-segmentation", "off")
    return a, b


def start_tunneld(lab, host, own, other, crypto):
    config = lab.config(host, {"addresses": [f"10.9.0.{own}/24"], "listen_port": 51820}, [{
        "name": "other", "public_key": other, "endpoints": [f"203.0.113.{3 - own}:51820"],
        "allowed_ips": [f"10.9.0.{3 - own}/32"]}], crypto=crypto)
    return lab.start(host, config)


def start_wireguard_go(lab, host, own, other):
    wireguard_go.start(lab, host, f"10.9.0.{own}/24", [
        "private-key", host.directory / "private.key", "listen-port", "51820", "peer", other,
        "allowed-ips", f"10.9.0.{3 - own}/32", "endpoint", f"203.0.113.{3 - own}:51820"])


def set_up(lab, entry, offloads_off):
    """Returns a, b and the address of b to measure to."""
    a, b = wire(lab, offloads_off)
    if entry == "raw veth":
        return a, b, "203.0.113.2"
    key_a, key_b = lab.key(a), lab.key(b)
    engine = "libsodium" if "libsodium" in entry else "ipsec-mb"
    crypto = {"engine": engine, "fast_cipher": "auto" if "AES" in entry else "off"}
    if entry == "wireguard-go":
        start_wireguard_go(lab, a, 1, key_b)
    else:
        daemon = start_tunneld(lab, a, 1, key_b, crypto)
    if "wireguard-go" in entry:
        start_wireguard_go(lab, b, 2, key_a)
    else:
        start_tunneld(lab, b, 2, key_a, crypto)
    wait_for(lambda: a.reaches("10.9.0.2"), 20, f"{entry} comes up")
    if "AES" in entry:
        wait_for(lambda: daemon.peer("other")["cipher"] == "AES-256-GCM", 5, "the cipher is agreed")
    return a, b, "10.9.0.2"


def cpu_seconds(hosts):
    """User and system time of the VPN daemons on these hosts."""
    total = 0
    for host in hosts:
        for pid in sh("ip", "netns", "pids", host.namespace).stdout.split():
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() in DAEMONS:
                    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                    total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            except FileNotFoundError:
                pass
    return total


def ping_times(host, address, count, interval):
    output = host.run("ping", "-n", "-c", count, "-i", interval, address, check_exit=False).stdout
    return sorted(float(ms) for ms in re.findall(r"time=([\d.]+)", output))


def measure(lab, entry, seconds, offloads_off):
    a, b, address = set_up(lab, entry, offloads_off)
    figures = {}
    times = ping_times(a, address, 100, 0.01)
    figures["ping us p50"] = 1000 * times[len(times) // 2]
    figures["ping us p99"] = 1000 * times[int(len(times) * 0.99)]
    before = cpu_seconds((a, b))
    received = a.iperf(b, address, seconds=seconds)
    figures["tcp Gbit/s"] = received["bits_per_second"] / 1e9
    figures["cpu s/GB"] = (cpu_seconds((a, b)) - before) / (received["bytes"] / 1e9)
    figures["tcp x4 Gbit/s"] = a.iperf(b, address, "-P", "4", seconds=seconds)["bits_per_second"] / 1e9
    figures["tcp reverse Gbit/s"] = a.iperf(b, address, "-R", seconds=seconds)["bits_per_second"] / 1e9
    # Ping under one greedy flow.
    listener = b.popen("iperf3", "-s", "-1")
    wait_for(lambda: ":5201" in b.run("ss", "-ltn").stdout, 5, "iperf3 listens")
    flow = a.popen("iperf3", "-c", address, "-t", "3")
    loaded = ping_times(a, address, 100, 0.02)
    flow.wait(timeout=30)
    listener.wait(timeout=10)
    if loaded:
        figures["loaded ping ms p99"] = loaded[int(len(loaded) * 0.99)]
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tunneld", default=ROOT / "build/release/tunneld")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--wire", action="store_true")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    results = {entry: [] for entry in ENTRIES}
    for number in range(arguments.rounds):
        for entry in ENTRIES:
            print(f"round {number + 1}: {entry}", file=sys.stderr, flush=True)
            lab = Lab(arguments.tunneld)
            try:
                results[entry].append(measure(lab, entry, arguments.seconds, arguments.wire))
            finally:
                lab.close()
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(results, indent=2) + "\n")

    columns = list(results["wireguard-go"][0])
    print("| | " + " | ".join(columns) + " | tcp: x raw veth | tcp: x wireguard-go |")
    print("| --- |" + " --- |" * (len(columns) + 2))
    for entry, rounds in results.items():
        cells = []
        for column in columns:
            values = [figures[column] for figures in rounds if column in figures]
            if not values or (column == "cpu s/GB" and entry == "raw veth"):
                cells.append("-")
            else:
                cells.append(f"{statistics.median(values):.3g} [{min(values):.3g}-{max(values):.3g}]")
        for reference in ("raw veth", "wireguard-go"):
            ratios = [mine["tcp Gbit/s"] / theirs["tcp Gbit/s"] for mine, theirs in zip(rounds, results[reference])]
            cells.append(f"{statistics.median(ratios):.2f}")
        print(f"| {entry} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
