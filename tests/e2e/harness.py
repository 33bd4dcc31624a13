"""End-to-end tests: hosts are network namespaces, wires are veth pairs, daemons are real.

A test is a function `run(lab)` in tests/e2e/test_NAME.py. The Lab gives it hosts, removes them afterwards, and collects
what it checks. TUNNELD_E2E_ENGINE (libsodium, ipsec-mb) and TUNNELD_E2E_OFFLOAD (off) are put into every configuration.
"""

import argparse
import contextlib
import difflib
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from ping import ping

ROOT = pathlib.Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


class Skip(Exception):
    """This machine lacks what the test needs; the text says what."""


class Failure(Exception):
    """A promise was broken."""


def check(condition, words):
    if not condition:
        raise Failure(words)


def sh(*words, check_exit=True, **options):
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.STDOUT)
    options.setdefault("timeout", 60)
    result = subprocess.run([str(word) for word in words], text=True, **options)
    if check_exit and result.returncode != 0:
        raise Failure(f"{' '.join(map(str, words))}: exit {result.returncode}\n{result.stdout}")
    return result


def wait_for(condition, seconds, words):
    """Polls until condition() is true; returns the seconds it took."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if condition():
            return time.monotonic() - begin
        time.sleep(0.05)
    raise Failure(f"not within {seconds} s: {words}")


class Host:
    """A network namespace with its own run directory and configuration directory."""

    def __init__(self, lab, name):
        self.lab = lab
        self.name = name
        self.namespace = f"{lab.prefix}{name}"
        self.directory = lab.directory / name
        self.directory.mkdir()
        self.run_directory = self.directory / "run"
        self.state_directory = self.directory / "state"
        sh("ip", "netns", "add", self.namespace)
        # A resolv.conf of its own: what a tunnel writes there must not reach the machine's.
        etc = pathlib.Path(f"/etc/netns/{self.namespace}")
        etc.mkdir(parents=True, exist_ok=True)
        (etc / "resolv.conf").write_text("nameserver 192.0.2.53\n")
        self.ip("link", "set", "lo", "up")
        # Nobody else is on these wires: addresses need no time to prove that they are unique.
        for which in ("all", "default"):
            self.run("sysctl", "-qw", f"net.ipv6.conf.{which}.accept_dad=0")

    def ask_names_of(self, address):
        """From now on, the name server of this namespace is that one."""
        resolv_conf = pathlib.Path(f"/etc/netns/{self.namespace}/resolv.conf")
        resolv_conf.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")

    def serve_names(self, address, *log):
        """Begins to answer there (dns.py) with what stands in the file that is returned."""
        zone = self.directory / "zone"
        self.popen(sys.executable, ROOT / "tests/e2e/dns.py", address, zone, *log)
        return zone

    def command(self, *words):
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def run(self, *words, **options):
        environment = {**os.environ, **self.directories()}
        return sh(*self.command(*words), env=environment, **options)

    def directories(self):
        return {"TUNNELD_RUN_DIR": str(self.run_directory), "TUNNELD_STATE_DIR": str(self.state_directory)}

    def popen(self, *words, environment=None, **options):
        options.setdefault("stdout", subprocess.DEVNULL)
        options.setdefault("stderr", subprocess.STDOUT)
        process = subprocess.Popen(
            self.command(*words), env={**os.environ, **self.directories(), **(environment or {})}, **options
        )
        self.lab.processes.append(process)
        return process

    def ip(self, *words):
        return sh("ip", "-n", self.namespace, *words).stdout

    def ping(self, address, count=3, interval=0.1, size=None, wait=2, fragments=None, source=None):
        """Replies received. With a size, of the data behind the ICMP header, nothing is fragmented unless said otherwise."""
        if size is not None and fragments is None:
            fragments = False
        return ping(self.namespace, address, count, interval, wait, size or 56, fragments, source)

    def reaches(self, address):
        return self.ping(address, count=1, wait=1) == 1

    def iperf_server(self, port=5201):
        """iperf3's server for one client, listening."""
        process = self.popen("iperf3", "-s", "-1", "-p", port)
        wait_for(lambda: f":{port} " in self.run("ss", "-ltn").stdout, 5, "iperf3 listens")
        return process

    def iperf(self, server, address, *extra, seconds=2):
        """iperf3's summary of what `server` received: bits_per_second, bytes, and for UDP packets and lost_percent."""
        listener = server.iperf_server()
        output = self.run("iperf3", "-c", address, "-t", seconds, "-J", *extra, timeout=60 + seconds).stdout
        listener.wait(timeout=10)
        end = json.loads(output)["end"]
        return end.get("sum_received", end.get("sum"))

    def state(self):
        """Everything that tunneld may change on the host, in a form that can be compared byte for byte."""
        return self.run(ROOT / "tests/e2e/host_state.sh").stdout


def check_same_state(before, after, words):
    if before == after:
        return
    difference = "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), "before", "after"))
    raise Failure(f"{words}: the host is not as it was\n{difference}")


class Daemon:
    """A running tunneld, with a socket in systemd's place that hears when it is ready."""

    def __init__(self, host, config, log_level="debug", wrapper=()):
        self.host = host
        self.config = config
        self.log_path = host.directory / f"log-{next(_numbers)}.txt"
        notify_path = f"{host.directory}/notify-{next(_numbers)}"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(notify_path)
        self.messages = ""
        log = open(self.log_path, "wb")
        self.process = host.popen(
            *wrapper,
            host.lab.tunneld,
            "--config",
            config,
            "--log-level",
            log_level,
            environment={"NOTIFY_SOCKET": notify_path},
            stdout=log,
            stderr=log,
        )

    def log(self):
        return self.log_path.read_text(errors="replace")

    def heard(self, word):
        self.notify.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.messages += self.notify.recv(4096).decode() + "\n"
        return word in self.messages

    def wait_ready(self, seconds=10):
        def ready():
            if self.process.poll() is not None:
                raise Failure(f"tunneld ended with {self.process.returncode}:\n{self.log()}")
            return self.heard("READY=1")

        wait_for(ready, seconds, f"READY=1 on {self.host.name}\n")
        return self

    def stop(self, signal_number=signal.SIGTERM, expect=0):
        self.process.send_signal(signal_number)
        code = self.process.wait(timeout=15)
        check(code == expect, f"tunneld on {self.host.name} ended with {code}, not {expect}:\n{self.log()}")

    def status(self):
        return json.loads(self.host.run(self.host.lab.tunneld, "status", "--json").stdout)

    def peer(self, name):
        return next(peer for peer in self.status()["peers"] if peer["name"] == name)


class Lab:
    """Hosts, keys and daemons of one test."""

    def __init__(self, tunneld):
        self.tunneld = str(pathlib.Path(tunneld).resolve())
        self.prefix = f"tt{os.getpid()}-{next(_numbers)}-"
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="tunneld-e2e-"))
        self.processes = []
        self.hosts = []
        self.daemons = []

    def host(self, name):
        host = Host(self, name)
        self.hosts.append(host)
        return host

    def wire(self, a, address_a, b, address_b, name_a="wire", name_b="wire"):
        """A veth pair; addresses with prefix length, one or a list for each end."""
        sh("ip", "link", "add", name_a, "netns", a.namespace, "type", "veth", "peer", "name", name_b, "netns", b.namespace)
        for host, name, addresses in ((a, name_a, address_a), (b, name_b, address_b)):
            for address in [addresses] if isinstance(addresses, str) else addresses:
                host.ip("address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
            host.ip("link", "set", name, "addrgenmode", "none")
            host.ip("link", "set", name, "up")
        # The kernel tells of the carrier a moment later, and states that are compared must not differ in it.
        for host, name in ((a, name_a), (b, name_b)):
            wait_for(lambda host=host, name=name: "state UP" in host.ip("link", "show", name), 10, f"a carrier of {name}")

    def key(self, host, name="private.key"):
        """Makes a private key file on the host; returns its public key."""
        return sh(self.tunneld, "genkey", "-o", host.directory / name).stdout.strip()

    def psk(self, *hosts):
        key = sh(self.tunneld, "genpsk").stdout.strip()
        for host in hosts:
            path = host.directory / "preshared.key"
            path.write_text(key + "\n")
            path.chmod(0o600)
        return key

    def config(self, host, interface, peers, name="tunneld.yaml", **sections):
        """Writes a configuration (JSON is YAML) and returns its path."""
        interface = {"name": "tun0", "private_key_file": "private.key", **interface}
        if os.environ.get("TUNNELD_E2E_OFFLOAD") == "off":
            interface.setdefault("offload", "off")
        config = {"interface": interface, "peers": peers, **sections}
        if engine := os.environ.get("TUNNELD_E2E_ENGINE"):
            config.setdefault("crypto", {})["engine"] = engine
        path = host.directory / name
        path.write_text(json.dumps(config, indent=2))
        return path

    def start(self, host, config, ready=True, **options):
        daemon = Daemon(host, config, **options)
        self.daemons.append(daemon)
        if ready:
            daemon.wait_ready()
        return daemon

    def pair(self, outside=4, psk=False, start=True, interface=None):
        """Two hosts with a wire and a tunnel: 10.9.0.1/fd09::1 on a, 10.9.0.2/fd09::2 on b."""
        a, b = self.host("a"), self.host("b")
        self.wire(a, ["203.0.113.1/24", "2001:db8::1/64"], b, ["203.0.113.2/24", "2001:db8::2/64"])
        keys = {a: self.key(a), b: self.key(b)}
        if psk:
            self.psk(a, b)
        endpoint = {4: "203.0.113.{}:51820", 6: "[2001:db8::{}]:51820"}[outside]
        for host, other, n in ((a, b, 1), (b, a, 2)):
            peer = {
                "name": other.name,
                "public_key": keys[other],
                "endpoints": [endpoint.format(3 - n)],
                "allowed_ips": [f"10.9.0.{3 - n}/32", f"fd09::{3 - n}/128"],
            }
            if psk:
                peer["preshared_key_file"] = "preshared.key"
            addresses = [f"10.9.0.{n}/24", f"fd09::{n}/64"]
            host.config_path = self.config(host, {"addresses": addresses, "listen_port": 51820, **(interface or {})}, [peer])
            host.public_key = keys[host]
        if start:
            a.daemon = self.start(a, a.config_path)
            b.daemon = self.start(b, b.config_path)
        return a, b

    def check_nothing_left(self):
        """Stops the daemons that still run: none may leave a route, a rule, a table or a journal of ours behind."""
        running = [daemon for daemon in self.daemons if daemon.process.poll() is None]
        check(running, "no daemon runs: nothing was tested")
        for daemon in running:
            daemon.stop()
        for host in {daemon.host for daemon in running}:
            for line in host.state().splitlines():
                check(
                    not re.search(r"proto 215|\b32(?:[56]\d\d|7[0-5]\d):\t|tunneld-|\.journal|\b(tun|tap)0\b", line),
                    f"left behind on {host.name}: {line}",
                )

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
        for host in self.hosts:
            pids = sh("ip", "netns", "pids", host.namespace, check_exit=False).stdout.split()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError, ValueError):
                    os.kill(int(pid), signal.SIGKILL)
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
        for host in self.hosts:
            sh("ip", "netns", "del", host.namespace, check_exit=False)
            shutil.rmtree(f"/etc/netns/{host.namespace}", ignore_errors=True)
        shutil.rmtree(self.directory, ignore_errors=True)


def run_one(test, tunneld):
    """Runs a test function in a lab of its own; returns (result, words)."""
    lab = Lab(tunneld)
    try:
        test(lab)
        return "passed", ""
    except Skip as skip:
        return "skipped", str(skip)
    except Failure as failure:
        logs = "".join(f"\n--- {daemon.host.name}: log\n{daemon.log()[-3000:]}" for daemon in lab.daemons)
        return "failed", f"{failure}{logs}"
    except Exception as error:  # a test that breaks has not passed
        import traceback

        logs = "".join(f"\n--- {daemon.host.name}: log\n{daemon.log()[-3000:]}" for daemon in lab.daemons)
        return "failed", f"{error!r}\n{traceback.format_exc()}{logs}"
    finally:
        lab.close()


def main(test):
    """For `python3 test_NAME.py [--tunneld PATH]`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tunneld", default=ROOT / "build/release/tunneld")
    result, words = run_one(test, parser.parse_args().tunneld)
    print(result, words)
    sys.exit(0 if result == "passed" else 77 if result == "skipped" else 1)
