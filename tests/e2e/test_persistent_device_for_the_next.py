"""Whoever opens a persistent tap after tunneld finds it as tunneld has found it: offloads, header, flags and everything else,
after an end in order and after a kill with `cleanup`. A program that knows of no offloads carries TCP on it. One that tunneld
makes has one queue, which any program can open, unless `persist` asks for more."""
import os
import re
import signal

from harness import check, check_same_state, main, wait_for
from plain_tap import features, plain_wire


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    wait_for(lambda: "NO-CARRIER" not in a.ip("link", "show", "wire"), 5, "the wire carries")
    keys = {host: lab.key(host) for host in (a, b)}

    def write(host, workers="auto", **interface):
        other, n = (b, 1) if host is a else (a, 2)
        return lab.config(
            host,
            {"name": "tap0", "type": "tap", "listen_port": 51820, "addresses": [f"10.9.0.{n}/24"], **interface},
            [{"name": other.name, "public_key": keys[other], "endpoints": [f"203.0.113.{3 - n}:51820"]}],
            workers=workers,
        )

    def state():
        wait_for(lambda: "state DOWN" in a.ip("link", "show", "tap0"), 5, "the kernel says that nobody uses tap0")
        # What the kernel makes for multicast when a tap has a carrier, while somebody uses it, is not there before.
        return "".join(
            line for line in a.state().splitlines(True) if not re.search(r" dev tap0 self permanent|ff00::/8 dev tap0", line)
        )

    for host in (a, b):
        host.ip("tuntap", "add", "dev", "tap0", "mode", "tap")
    b.config_path = write(b, persist=True)
    b.daemon = lab.start(b, b.config_path)

    def check_end(end, before, words):
        daemon = lab.start(a, a.config_path)
        check(a.ping("10.9.0.2") == 3, f"{words}: the tunnel")
        check(
            features(a, "tap0")["tx-tcp-segmentation"]["on"] == (os.environ.get("TUNNELD_E2E_OFFLOAD") != "off"),
            "no offloads: nothing was tested",
        )
        if end == signal.SIGKILL:
            daemon.stop(end, expect=-end)
            check(
                "offloads and flags of tap0: undone" in a.run(lab.tunneld, "cleanup", "tap0").stdout,
                "cleanup does not say what it undoes",
            )
        else:
            daemon.stop(end)
        check_same_state(before[0], state(), words)
        after = features(a, "tap0")
        check(after == before[1], f"{words}: {[name for name in after if after[name] != before[1][name]]} are not as before")

    a.ip("link", "set", "tap0", "addrgenmode", "none", "txqueuelen", 500)
    for more in ("down", "up"):
        # Once up: the kernel gives a device its queueing discipline the first time, for good.
        a.ip("link", "set", "tap0", "up")
        a.ip("link", "set", "tap0", more)
        a.config_path = write(a, persist=True)
        before = state(), features(a, "tap0")
        check("vnet_hdr off" in before[0] and not before[1]["tx-checksum-ip-generic"]["on"], f"a new tap: {before}")
        for end in (signal.SIGTERM, signal.SIGKILL):
            check_end(end, before, f"a tap that was {more}, after {end.name}")

    # And the next program works.
    b.daemon.stop()
    for host, n in ((a, 1), (b, 2)):
        host.ip("address", "add", f"10.9.0.{n}/24", "dev", "tap0")
        host.ip("link", "set", "tap0", "up")
    with plain_wire(a, b, "tap0"):
        wait_for(lambda: a.reaches("10.9.0.2"), 5, "ping through another program")
        check(a.iperf(b, "10.9.0.2", seconds=1)["bytes"] > 1e6, "TCP through a program that knows of no offloads")
        # While somebody uses it, it is left alone.
        daemon = lab.start(a, a.config_path, ready=False)
        check(daemon.process.wait(timeout=10) == 1 and "tap0 is in use by" in daemon.log(), daemon.log())
        check(a.reaches("10.9.0.2"), "the other program, after an attempt to take its device")
    b.ip("address", "flush", "dev", "tap0")
    b.daemon = lab.start(b, b.config_path)

    # What tunneld makes itself is left as if `ip tuntap` had made it: with one queue, though there could be two workers.
    a.ip("link", "del", "tap0")
    a.config_path = write(a, persist=True, workers=2)
    daemon = lab.start(a, a.config_path)
    check("tap0 has one queue, so there is one worker and not 2: 'persist: { queues: 2 }'" in daemon.log(), daemon.log())
    check(daemon.status()["interface"]["workers"] == 1, f"workers: {daemon.status()['interface']}")
    daemon.stop()
    made = state(), features(a, "tap0")
    check(made[1] == before[1] and "vnet_hdr off" in made[0], f"a tap that tunneld has made: {made}")
    for end in (signal.SIGTERM, signal.SIGKILL):
        check_end(end, made, f"a tap of our making, after {end.name}")
    b.daemon.stop()
    a.ip("address", "add", "10.9.0.1/24", "dev", "tap0")
    a.ip("link", "set", "tap0", "up")
    b.ip("address", "add", "10.9.0.2/24", "dev", "tap0")
    with plain_wire(a, b, "tap0"):
        wait_for(lambda: a.reaches("10.9.0.2"), 5, "ping through another program, on a tap of our making")
    a.ip("tuntap", "delete", "dev", "tap0", "mode", "tap")
    check("tap0" not in a.ip("link", "show"), "ip tuntap delete of a tap of our making")

    # More queues where that is said; and of a device that is there, as many as there are workers.
    for persist, workers, result, words in (
        ({"queues": 2}, 3, 2, "tap0: 'persist' says 2 queues, so there are 2 workers and not 3"),
        (True, 3, 3, "taken over"),
        ({"queues": 1}, 3, 1, "tap0 has one queue, so there is one worker and not 3\n"),
    ):
        daemon = lab.start(a, write(a, persist=persist, workers=workers))
        check(words in daemon.log(), f"persist {persist}: no '{words}':\n{daemon.log()}")
        check(
            daemon.status()["interface"]["workers"] == result,
            f"persist {persist}: {daemon.status()['interface']['workers']} workers",
        )
        daemon.stop()
        check("multi_queue" in a.ip("-d", "link", "show", "tap0"), f"persist {persist}: not a multi-queue device")


if __name__ == "__main__":
    main(run)
