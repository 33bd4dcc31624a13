"""The tunnel's own packets never leave by its own bridge: a peer whose way leads there is refused by name, in the log and
in status, and nothing is sent to it; when the way is another one, it is called."""
import bridges
from harness import check, main, wait_for


def run(lab):
    a, b, machine = bridges.hosts(lab, "br0")
    a.ip("link", "add", "br0", "type", "bridge")
    a.ip("link", "set", "lan", "master", "br0")
    a.ip("link", "set", "br0", "up")
    # The endpoint is behind the machine on the bridge.
    a.ip("address", "add", "192.0.2.1/24", "dev", "br0")
    a.ip("route", "add", "203.0.113.2/32", "via", "192.0.2.9", "dev", "br0")
    machine.ip("address", "add", "192.0.2.9/24", "dev", "wire")
    warning = a.run(lab.tunneld, "check", "--config", a.config_path, "--plan").stdout
    check("the route to it leads through br0" in warning, f"check --plan warns: {warning}")

    seen = machine.directory / "seen"
    capture = machine.popen("tcpdump", "-n", "-l", "-i", "wire", "udp", stdout=open(seen, "wb"))
    wait_for(lambda: "listening" in seen.read_text(), 5, "tcpdump listens")
    daemon = lab.start(a, a.config_path)
    a.ping("10.9.0.2", count=3, wait=1)
    check(
        "peer b" in daemon.log() and "the route to it leads through br0, the bridge of tap0" in daemon.log(),
        "the log names it",
    )
    peer = daemon.peer("b")
    check(peer["state"] == "refused" and "through br0" in peer["note"], f"status: {peer}")
    check("51820" not in seen.read_text(), f"sent over the bridge:\n{seen.read_text()}")

    # Another way, and a session over it; then the first one again, under the running session.
    a.ip("route", "del", "203.0.113.2/32")
    lab.start(b, b.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "b is called by the other way")
    check(daemon.peer("b")["state"] == "up", f"status: {daemon.peer('b')}")
    a.ip("route", "add", "203.0.113.2/32", "via", "192.0.2.9", "dev", "br0")
    wait_for(lambda: daemon.peer("b")["state"] == "refused", 5, "the way has changed")
    size = len(seen.read_text())
    a.ping("10.9.0.2", count=3, wait=1)
    check("51820" not in seen.read_text()[size:], f"sent over the bridge:\n{seen.read_text()}")
    check(daemon.status()["drops"]["loop"] > 0, "what is not sent is counted")

    # The capture can see: the same packet by hand.
    a.run("bash", "-c", "echo x > /dev/udp/203.0.113.2/51820")
    wait_for(lambda: "51820" in seen.read_text(), 5, "tcpdump sees what is sent over the bridge")
    capture.terminate()


if __name__ == "__main__":
    main(run)
