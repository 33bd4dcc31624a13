#!/usr/bin/env python3
"""Where a byte's time goes: samples both cores (perf, linux-perf in Debian) during one TCP flow through a tunnel, and adds
up what is alike. A table for each cipher and engine; "beside the daemons" is iperf3, and the kernel where nobody is to blame.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

from compare import ROOT, set_up  # finds the harness, too
from harness import Lab, sh

# Of compare.py's entries, by what follows "tunneld".
SETUPS = ("AES-256-GCM, ipsec-mb", "ChaCha20-Poly1305, ipsec-mb", "ChaCha20-Poly1305, libsodium")

# In this order; what a symbol matches first is what it counts as.
KINDS = [
    ("seal and open", r"libIPSec_MB|libsodium"),
    ("checksums of segments", r"tunneld .*sum_bytes"),
    ("cutting, joining, lookups, the rest of ours", r"tunneld |libc\.so|libstdc\+\+|ld-linux|vdso"),
    ("copies by the kernel", r"_copy_(from|to)_iter|copy_(from|to)_user|rep_movs|memcpy|copy_page|skb_copy|csum_partial"),
    (
        "waking and switching threads",
        r"sched|switch|wake|enqueue|dequeue|pick_|update_curr|load_avg|try_to_|"
        r"raw_spin_unlock_irqrestore|epoll|poll|select_task|idle_cpu|ttwu|hrtimer|reweight",
    ),
    ("the kernel's network and device paths", r"."),
]
OURS = re.compile(r"^(in|out)-\d+$|^tunneld$")


def measure(tunneld, setup, seconds):
    lab = Lab(tunneld)
    data = pathlib.Path(tempfile.mkdtemp()) / "perf.data"
    try:
        a, b, address = set_up(lab, f"tunneld {setup}", offloads_off=False)
        server = b.iperf_server()
        flow = a.popen("iperf3", "-c", address, "-t", seconds + 3)
        time.sleep(1.5)
        sh("perf", "record", "-q", "-a", "-e", "cpu-clock", "-F", "4999", "-o", data, "sleep", seconds, timeout=seconds + 60)
        flow.wait(timeout=60)
        server.wait(timeout=10)
        report = sh(
            "perf",
            "report",
            "-i",
            data,
            "--stdio",
            "--sort",
            "comm,dso,sym",
            "-F",
            "overhead,comm,dso,sym",
            "-t",
            "\t",
            timeout=120,
            stderr=subprocess.DEVNULL,
        ).stdout
    finally:
        lab.close()
        shutil.rmtree(data.parent)
    rows = []
    for line in report.splitlines():
        if line.startswith("#") or line.count("\t") < 3:
            continue
        share, thread, file, symbol = (word.strip() for word in line.split("\t")[:4])
        rows.append((float(share.rstrip("%")), thread, file, symbol))
    return rows


def kind_of(file, symbol):
    return next(name for name, pattern in KINDS if re.search(pattern, f"{file} {symbol}"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tunneld", default=ROOT / "build/release/tunneld")
    parser.add_argument("--seconds", type=int, default=5)
    arguments = parser.parse_args()
    if not shutil.which("perf"):
        sys.exit("perf is not installed: apt-get install linux-perf")
    shares = {}
    for setup in SETUPS:
        columns = shares.setdefault(setup, {})
        for share, thread, file, symbol in measure(arguments.tunneld, setup, arguments.seconds):
            if thread == "swapper" and "halt" in symbol:
                row = "idle"
            elif OURS.match(thread):
                row = kind_of(file, symbol)
            else:
                row = "beside the daemons"
            columns[row] = columns.get(row, 0) + share
    print("| % of both cores | " + " | ".join(shares) + " |")
    print("| --- |" + " --- |" * len(shares))
    for row in [name for name, _ in KINDS] + ["beside the daemons", "idle"]:
        print(f"| {row} | " + " | ".join(f"{columns.get(row, 0):.0f}" for columns in shares.values()) + " |")


if __name__ == "__main__":
    main()
