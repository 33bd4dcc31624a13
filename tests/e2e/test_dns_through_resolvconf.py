"""`dns` where resolvconf(8) keeps /etc/resolv.conf, openresolv's and Debian's own: the tunnel's servers are asked first (with
openresolv alone) while it is up, and the file is byte for byte as it was after each way of ending. A record that somebody
removes is put back. What one of resolvconf's hooks fails at, or prints, takes nothing away."""
import json
import signal
import sys

from harness import ROOT, check, check_same_state, main, wait_for
from mounts import own_mounts
from packages import unpack

# A program that they run at each change, first; and what they call tun0's settings.
HOOK = {"openresolv": "/lib/resolvconf/aaa", "resolvconf": "/etc/resolvconf/update.d/aaa"}
RECORD = {"openresolv": "tun0", "resolvconf": "tun.tun0"}
# As their packages' installation leaves it.
INSTALLED = {
    "openresolv": "rm -f /etc/resolv.conf; : > /etc/resolv.conf",
    "resolvconf": "mkdir -p /run/resolvconf/interface; ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf; "
    "ln -sfn /run/resolvconf /etc/resolvconf/run; resolvconf --enable-updates",
}


def install(lab, host, package):
    """From now on `host` runs everything where `package` is installed."""
    own_mounts(lab, host, lambda memory: unpack(lab, package, memory))
    host.run("sh", "-c", INSTALLED[package])
    host.run("resolvconf", "-a", "wire.dhcp", input="nameserver 203.0.113.99\nsearch home.example\n")


def each_way(lab, a, package):
    def text():
        return a.run("cat", "/etc/resolv.conf").stdout

    def state():
        return (
            a.state()
            + a.run(
                "sh",
                "-c",
                "resolvconf -l; cd /run/resolvconf && find . ! -name '*lock*' ! -name metrics"
                " ! -name exclusive ! -name private ! -name deprecated -type f | sort",
            ).stdout
        )

    before = state()
    check("nameserver 203.0.113.99" in text(), f"{package}: resolvconf keeps the file: {text()}")
    config = json.loads(a.config_path.read_text())
    config["interface"]["dns"] = {"servers": ["10.9.0.2", "fd09::2"], "search": ["corp.example"], "own_resolver": True}
    config["peers"][0]["allowed_ips"] += ["0.0.0.0/0"]
    config["routes"] = {"table": 1234}
    a.config_path.write_text(json.dumps(config))

    # A service's umask must not make the file one that only root can read.
    daemon = lab.start(a, a.config_path, wrapper=["sh", "-c", 'umask 077; exec "$@"', "sh"])
    during = text()
    servers = [line.split()[1] for line in during.splitlines() if line.startswith("nameserver")]
    expected = ["10.9.0.2", "fd09::2"] + ([] if package == "openresolv" else ["203.0.113.99"])
    check(servers == expected, f"{package}: {during}")
    check("corp.example" in during, f"{package}: {during}")
    check("tunneld" not in during, f"{package}: the file is resolvconf's work, not ours: {during}")
    mode = a.run("stat", "-L", "-c", "%a", "/etc/resolv.conf").stdout.strip()
    check(mode == "644", f"{package}: everybody may read it, not {mode}")
    wait_for(lambda: a.reaches("10.9.0.2"), 5, "the tunnel")
    check("198.51.100.7" in a.run("getent", "ahostsv4", "www").stdout, f"{package}: www is found through the tunnel")

    config["interface"]["dns"] = {"servers": ["fd09::2"], "own_resolver": True}
    a.config_path.write_text(json.dumps(config))
    a.run(lab.tunneld, "reload", "tun0")
    check(
        "nameserver fd09::2" in text() and "10.9.0.2" not in text() and "corp.example" not in text(),
        f"{package}: after a reload: {text()}",
    )
    daemon.stop()
    check_same_state(before, state(), f"{package}: after SIGTERM")

    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    check("nameserver fd09::2" in text(), f"{package}: SIGKILL leaves it")
    a.run(lab.tunneld, "cleanup")
    check_same_state(before, state(), f"{package}: after SIGKILL and cleanup")

    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    lab.start(a, a.config_path).stop()
    check_same_state(before, state(), f"{package}: after SIGKILL, a start and a stop")

    # Somebody takes the record away.
    daemon = lab.start(a, a.config_path)
    a.run("resolvconf", "-d", RECORD[package])
    wait_for(lambda: "nameserver fd09::2" in text(), 5, f"{package}: a removed record is put back")
    wait_for(lambda: "has taken away: dns fd09::2" in daemon.log(), 5, f"{package}: and the log says so")
    check(daemon.status()["host"]["missing"] == [], f"{package}: nothing is missing")
    daemon.stop()
    check_same_state(before, state(), f"{package}: after a record that was removed")

    # A hook that fails, as dnsmasq's does where it may not write: what counts is the file.
    def hook(script):
        a.run("sh", "-c", f"cat > {HOOK[package]}; chmod 755 {HOOK[package]}", input=f"#!/bin/sh\n{script}\n")

    hook("echo cannot write /run/dnsmasq >&2; exit 1")
    daemon = lab.start(a, a.config_path)
    check("nameserver fd09::2" in text(), f"{package}: set in spite of a hook: {text()}\n{daemon.log()}")
    check(
        "-a has set our name servers, but reports an error: exit code 1: " in daemon.log()
        and "cannot write /run/dnsmasq" in daemon.log(),
        f"{package}: what the hook said:\n{daemon.log()}",
    )
    daemon.stop()
    check("-d has removed our name servers, but reports an error" in daemon.log(), daemon.log())
    check_same_state(before, state(), f"{package}: after a hook that failed")
    if package == "resolvconf":
        # Programs ask a server of this host's own, which such a hook tells of ours: without it, nobody asks them.
        a.run("resolvconf", "-a", "lo.dnsmasq", input="nameserver 127.0.0.1\n", check_exit=False)
        daemon = lab.start(a, a.config_path)
        check("not done: /usr/sbin/resolvconf -a: exit code 1: " in daemon.log(), daemon.log())
        check("fd09::2" not in a.run("resolvconf", "-l").stdout, "no record stays")
        daemon.stop()
        hook("exit 0")
        daemon = lab.start(a, a.config_path)
        check("warning" not in daemon.log() and "fd09::2" in a.run("resolvconf", "-l").stdout, daemon.log())
        daemon.stop()
        # dnsmasq's own writes below a directory of dnsmasq's, which takes what root by hand gives up.
        a.run("install", "-d", "-o", "nobody", "-m", "755", "/run/dnsmasq")
        hook("set -e; cat /run/resolvconf/interface/* > /run/dnsmasq/new; mv /run/dnsmasq/new /run/dnsmasq/resolv.conf")
        daemon = lab.start(a, a.config_path)
        check("warning" not in daemon.log(), f"{package}: dnsmasq's hook does its work:\n{daemon.log()}")
        check("nameserver fd09::2" in a.run("cat", "/run/dnsmasq/resolv.conf").stdout, "dnsmasq asks our server")
        check(daemon.status()["host"]["missing"] == [], f"{package}: nothing is missing")
        powers = a.run("sed", "-n", "s/^CapEff:\t0*//p", f"/proc/{daemon.process.pid}/status").stdout.split()
        check(powers == ["1000"], f"{package}: the daemon itself has no such power: {powers}")
        daemon.stop()
        check("fd09::2" not in a.run("cat", "/run/dnsmasq/resolv.conf").stdout, "and no more when it ends")
        a.run("resolvconf", "-d", "lo.dnsmasq")
        check_same_state(before, state(), f"{package}: after a name server of the host's own")
    # One that prints more than a pipe holds.
    hook("yes 0123456789 | head -n 100000; yes 0123456789 | head -n 100000 >&2")
    daemon = lab.start(a, a.config_path)
    daemon.stop()
    check(len(daemon.log()) < 100_000, f"{package}: {len(daemon.log())} bytes in the log")
    check("not done" not in daemon.log(), f"{package}: {daemon.log()}")
    check_same_state(before, state(), f"{package}: after a hook with much to say")
    a.run("rm", HOOK[package])

    # The program fails: the tunnel goes on without it.
    wrapper = ["sh", "-c", 'mount --bind /bin/false /usr/sbin/resolvconf && exec "$@"', "sh"]
    daemon = lab.start(a, a.config_path, wrapper=wrapper)
    check("not done: /usr/sbin/resolvconf -a: exit code 1" in daemon.log(), f"{package}: the log says so: {daemon.log()}")
    wait_for(lambda: a.reaches("10.9.0.2"), 5, "the tunnel without its name servers")
    daemon.stop()
    # Nothing was made, but only the program can tell: asked again when it works.
    a.run(lab.tunneld, "cleanup")
    check_same_state(before, state(), f"{package}: after a resolvconf that failed")


def run(lab):
    a, b = lab.pair(start=False)
    own = json.loads(a.config_path.read_text())
    zone = b.directory / "zone"
    zone.write_text("www.corp.example 198.51.100.7")
    lab.start(b, b.config_path)
    b.popen(sys.executable, ROOT / "tests/e2e/dns.py", "10.9.0.2", zone)
    for package in INSTALLED:
        a.config_path.write_text(json.dumps(own))
        a.name = package
        install(lab, a, package)
        each_way(lab, a, package)


if __name__ == "__main__":
    main(run)
