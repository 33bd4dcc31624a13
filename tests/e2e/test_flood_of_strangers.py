"""A flood of garbage, of handshakes with a valid mac1, and of data for unknown keys: an established tunnel goes on, a new
peer still gets in, and memory stays flat."""
import pathlib
import sys
import time

from harness import ROOT, check, main, sh, wait_for

ALONE = True


def memory(host):
    for pid in sh("ip", "netns", "pids", host.namespace).stdout.split():
        if "tunneld" in pathlib.Path(f"/proc/{pid}/comm").read_text():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            return int(status.split("VmRSS:")[1].split()[0])
    raise AssertionError("no daemon")


def run(lab):
    a, b = lab.pair()
    attacker = lab.host("attacker")
    check(a.ping("10.9.0.2") == 3, "ping")
    # The attacker is behind b's second wire, with an address of the same network routed there.
    lab.wire(b, "198.51.100.1/24", attacker, "198.51.100.66/24", name_a="wire2")
    attacker.ip("route", "add", "203.0.113.2", "via", "198.51.100.1")
    a.run("iperf3", "--version")
    before = memory(b)
    drops_before = b.daemon.status()["drops"]
    flood = attacker.popen(sys.executable, ROOT / "tests/e2e/flood.py", b.public_key, "8")
    time.sleep(1)
    replies = a.ping("10.9.0.2", count=40, interval=0.1)
    check(replies >= 38, f"pings under flood: {replies} of 40")
    # A new session in the middle of it.
    a.daemon.stop()
    a.daemon = lab.start(a, a.config_path)
    check(flood.poll() is None, "the flood ended too early")
    wait_for(lambda: a.reaches("10.9.0.2"), 15, "a peer connects under flood")
    flood.wait(timeout=20)
    drops = b.daemon.status()["drops"]
    for reason in ("malformed", "unknown_index"):
        check(drops[reason] > drops_before[reason] + 1000, f"no flood of {reason}: {drops}")
    check(drops["under_load"] + drops["handshake_refused"] > 1000, f"no flood of handshakes: {drops}")
    check(memory(b) < before + 16 * 1024, f"memory grew from {before} to {memory(b)} kB")
    check(b.daemon.peer("a")["endpoint"] == "203.0.113.1:51820", "the endpoint moved")


if __name__ == "__main__":
    main(run)
