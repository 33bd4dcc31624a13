"""A bridge that tunneld makes or joins: whatever ends the daemon, the host is byte for byte as it was, members that were down
are down again. What cannot be joined is an error that names it. The tunnel never runs over its own bridge."""
import signal

from harness import check, check_same_state, main, wait_for


def failed_start(lab, host, config, words):
    daemon = lab.start(host, config, ready=False)
    code = daemon.process.wait(timeout=10)
    check(code == 1 and words in daemon.log(), f"wanted '{words}', exit code {code}:\n{daemon.log()}")


def endings(lab, host, config, before, words):
    for end in ("SIGTERM", "down", "SIGKILL and cleanup", "SIGKILL and a start"):
        daemon = lab.start(host, config)
        check("master" in host.ip("link", "show", "tap0"), f"{words}: the tap is no port: nothing was tested")
        if end == "SIGTERM":
            daemon.stop()
        elif end == "down":
            host.run(lab.tunneld, "down", "tap0")
            check(daemon.process.wait(timeout=10) == 0, "down ends with 0")
        else:
            daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
            if end.endswith("cleanup"):
                host.run(lab.tunneld, "cleanup", "tap0")
            else:
                lab.start(host, config).stop()
        check_same_state(before, host.state(), f"{words}: after {end}")


def run(lab):
    a, b = lab.host("a"), lab.host("b")
    lab.wire(a, "203.0.113.1/24", b, "203.0.113.2/24")
    for name, state in (("up0", "up"), ("down0", "down")):
        a.ip("link", "add", name, "type", "veth", "peer", "name", f"{name}-far")
        for end in (name, f"{name}-far"):
            a.ip("link", "set", end, "addrgenmode", "none")
            a.ip("link", "set", end, "up")  # the first time an interface is up, the kernel gives it a queue for good
        a.ip("link", "set", f"{name}-far", state)
        a.ip("link", "set", name, state)
    wait_for(lambda: "NO-CARRIER" not in a.ip("link", "show", "wire") + a.ip("link", "show", "up0"), 5, "the wires carry")
    lab.key(a)
    other = lab.key(b)

    def config(bridge, endpoint="203.0.113.2:51820", name="tunneld.yaml", **interface):
        return lab.config(
            a,
            {"name": "tap0", "type": "tap", "bridge": bridge, **interface},
            [{"name": "b", "public_key": other, "endpoints": [endpoint]}],
            name=name,
        )

    before = a.state()
    made = {"name": "br0", "create": True, "members": ["up0", "down0"], "stp": True}
    plan = a.run(lab.tunneld, "check", "--config", config(made, addresses=["10.20.0.1/24"]), "--plan").stdout
    for words in (
        "bridge br0 up, stp on",
        "link down0 master br0, up",
        "link tap0 master br0",
        "address 10.20.0.1/24 dev br0",
    ):
        check(words in plan, f"check --plan does not say '{words}':\n{plan}")
    check_same_state(before, a.state(), "after check --plan")
    endings(lab, a, config(made, addresses=["10.20.0.1/24"]), before, "a bridge that is made")

    # The bridge is taken away by somebody else: what is left is put back.
    daemon = lab.start(a, config(made))
    check("stp_state 1" in a.ip("-d", "link", "show", "br0"), "STP is off")
    a.ip("link", "del", "br0")
    daemon.stop()
    check_same_state(before, a.state(), "after ip link del br0")

    failed_start(lab, a, config({**made, "members": ["up0", "nothing"]}), "nothing")
    failed_start(lab, a, config("br0"), "there is no bridge br0")
    failed_start(lab, a, config("wire"), "wire is no bridge")
    failed_start(lab, a, config({**made, "members": ["wire"]}), "wire has the address 203.0.113.1/24")
    check_same_state(before, a.state(), "after failed starts")

    a.ip("link", "add", "lan", "type", "bridge", "forward_delay", "0")
    a.ip("link", "set", "lan", "addrgenmode", "none")
    a.ip("link", "set", "lan", "up")
    a.ip("link", "set", "up0", "master", "lan")
    wait_for(lambda: "NO-CARRIER" not in a.ip("link", "show", "lan"), 5, "the bridge carries")
    joined = a.state()
    failed_start(lab, a, config({**made, "name": "lan"}), "lan exists already")
    failed_start(lab, a, config(made), "up0 belongs to lan")
    check_same_state(joined, a.state(), "after failed starts beside a bridge")
    endings(lab, a, config("lan"), joined, "a bridge that is joined")

    # Its own bridge is no way to a peer: not by the configuration, and not when the routes change while it runs.
    wrong = config("lan", endpoint="10.20.0.9:51820", name="loop.yaml", addresses=["10.20.0.1/24"])
    refused = a.run(lab.tunneld, "check", "--config", wrong, check_exit=False)
    check(refused.returncode == 2 and "its own bridge" in refused.stdout, f"a loop in the configuration: {refused.stdout}")
    daemon = lab.start(a, config("lan"))
    a.ip("route", "add", "203.0.113.2/32", "dev", "lan")
    wait_for(lambda: daemon.peer("b")["state"] == "refused", 5, f"the loop is seen: {daemon.peer('b')}")
    check("lan, the bridge of tap0" in daemon.peer("b")["note"], f"status: {daemon.peer('b')}")
    check("nothing is exchanged with it" in daemon.log(), f"log: {daemon.log()}")
    sent = a.run("timeout", "6", "tcpdump", "-n", "-i", "lan", "-c", "1", "udp", "port", "51820", check_exit=False).stdout
    check("203.0.113.2.51820" not in sent, f"the tunnel runs over its own bridge: {sent}")
    a.ip("route", "del", "203.0.113.2/32", "dev", "lan")
    wait_for(lambda: daemon.peer("b")["state"] != "refused", 5, "the way is free again")
    daemon.stop()
    check_same_state(joined, a.state(), "after a loop")


if __name__ == "__main__":
    main(run)
