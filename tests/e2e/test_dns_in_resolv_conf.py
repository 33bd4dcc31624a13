"""`dns` where /etc/resolv.conf is a plain file: programs ask the tunnel's servers while it is up, and the file is byte for byte
as it was after each way of ending; what somebody else writes into it meanwhile stays."""
import json
import pathlib
import signal
import sys

from harness import ROOT, check, check_same_state, main, wait_for

BEFORE = "# by hand\nnameserver 203.0.113.99\nsearch home.example\noptions timeout:1 attempts:1"


def run(lab):
    a, b = lab.pair(start=False)
    etc = pathlib.Path(f"/etc/netns/{a.namespace}")
    etc.mkdir(parents=True, exist_ok=True)
    file = etc / "resolv.conf"
    file.write_text(BEFORE)
    zone = b.directory / "zone"
    zone.write_text("www.corp.example 198.51.100.7")
    config = json.loads(a.config_path.read_text())
    config["interface"]["dns"] = {"servers": ["10.9.0.2", "fd09::2"], "search": ["corp.example"]}
    a.config_path.write_text(json.dumps(config))
    lab.start(b, b.config_path)
    b.popen(sys.executable, ROOT / "tests/e2e/dns.py", "10.9.0.2", zone)
    before = a.state()
    check(BEFORE in before, "the state shows resolv.conf")

    daemon = lab.start(a, a.config_path)
    text = file.read_text()
    check(text.startswith("# tunneld tun0: begin") and "\nnameserver 10.9.0.2\nnameserver fd09::2\n" in text, text)
    check("#tunneld:tun0# nameserver 203.0.113.99" in text, text)
    wait_for(lambda: a.reaches("10.9.0.2"), 5, "the tunnel")
    # By its short name: search domain and server are the tunnel's.
    check("198.51.100.7" in a.run("getent", "ahostsv4", "www").stdout, "www is found through the tunnel")

    config["interface"]["dns"] = {"servers": ["10.9.0.2"]}
    a.config_path.write_text(json.dumps(config))
    a.run(lab.tunneld, "reload", "tun0")
    text = file.read_text()
    check("fd09::2" not in text and "search corp" not in text and "nameserver 10.9.0.2" in text, f"after a reload: {text}")
    daemon.stop()
    check_same_state(before, a.state(), "after SIGTERM")

    daemon = lab.start(a, a.config_path)
    a.run(lab.tunneld, "down")
    check(daemon.process.wait(timeout=10) == 0, "down ends with 0")
    check_same_state(before, a.state(), "after down")

    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    check("nameserver 10.9.0.2" in a.state(), "SIGKILL leaves our lines")
    a.run(lab.tunneld, "cleanup")
    check_same_state(before, a.state(), "after SIGKILL and cleanup")
    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    lab.start(a, a.config_path).stop()
    check_same_state(before, a.state(), "after SIGKILL, a start and a stop")

    # A power failure: the journal is gone with /run, the file is not.
    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    for path in a.run_directory.iterdir():
        path.unlink()
    lab.start(a, a.config_path).stop()
    check_same_state(before, a.state(), "after a lost journal, a start and a stop")

    # Somebody else adds a line, or writes the whole file.
    daemon = lab.start(a, a.config_path)
    file.write_text("options rotate\n" + file.read_text())
    daemon.stop()
    check(file.read_text() == "options rotate\n" + BEFORE, f"an added line stays: {file.read_text()}")
    daemon = lab.start(a, a.config_path)
    # The file is a mount of its own here, which nobody can replace: it is written in place.
    file.write_text("nameserver 203.0.113.5\n")
    wait_for(lambda: "nameserver 10.9.0.2" in file.read_text(), 3, "our lines are put back into it")
    wait_for(lambda: "somebody else has taken away: dns 10.9.0.2" in daemon.log(), 3, "the log says so")
    daemon.stop()
    check(file.read_text() == "nameserver 203.0.113.5\n", f"another file stays: {file.read_text()}")

    # No journal and no start: cleanup of everything finds the lines all the same.
    file.write_text(BEFORE)
    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    for path in a.run_directory.iterdir():
        path.unlink()
    cleaned = a.run(lab.tunneld, "cleanup").stdout
    check_same_state(before, a.state(), f"after a lost journal and cleanup: {cleaned}")

    # An endpoint's name cannot be looked up through the tunnel that it leads to: that comes first.
    outside = b.directory / "outside-zone"
    outside.write_text("gate.example 203.0.113.2")
    b.popen(sys.executable, ROOT / "tests/e2e/dns.py", "203.0.113.2", outside)
    file.write_text("nameserver 203.0.113.2\noptions timeout:1\n")
    named = json.loads(json.dumps(config))
    named["peers"][0]["endpoints"] = ["gate.example:51820"]
    named_path = a.directory / "named.yaml"
    named_path.write_text(json.dumps(named))
    before_named = a.state()
    daemon = lab.start(a, named_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "the tunnel to a name")
    wait_for(lambda: "nameserver 10.9.0.2" in file.read_text(), 5, "its name servers after that")
    daemon.stop()
    check_same_state(before_named, a.state(), "after an endpoint with a name")
    file.write_text(BEFORE)

    # A file that cannot be written: the tunnel is up all the same, and the log says what it lacks.
    wrapper = ["sh", "-c", 'mount -o remount,bind,ro /etc/resolv.conf && exec "$@"', "sh"]
    daemon = lab.start(a, a.config_path, wrapper=wrapper)
    check(a.reaches("10.9.0.2"), "the tunnel without its name servers")
    check("dns 10.9.0.2 for all names dev tun0: not done: " in daemon.log(), f"the log says so: {daemon.log()}")
    daemon.stop()
    check_same_state(before, a.state(), "after names that could not be set")


if __name__ == "__main__":
    main(run)
