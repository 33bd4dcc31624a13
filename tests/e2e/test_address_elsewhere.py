"""A network of the tunnel that another interface of this host gets later (`docker network create`) is named once, by the log,
and by `status` and `doctor` while it is there."""
from harness import check, main, wait_for

WORDS = "10.9.0.0/24 is also the network of containers (10.9.0.200/24)"


def run(lab):
    a, _ = lab.pair()
    daemon = a.daemon

    def doctor():
        return a.run(lab.tunneld, "doctor", check_exit=False).stdout

    check(WORDS not in daemon.log() and daemon.status()["elsewhere"] == [], "nothing is elsewhere")
    a.ip("link", "add", "containers", "type", "bridge")
    a.ip("address", "add", "10.9.0.200/24", "dev", "containers")
    a.ip("link", "set", "containers", "up")
    wait_for(lambda: WORDS in daemon.log(), 5, "the log says so")
    check(WORDS in a.run(lab.tunneld, "status", "tun0").stdout, "status says so")
    check("[?]    " + WORDS in doctor(), "doctor says so")
    # Whatever else changes, it is said once.
    a.ip("link", "add", "more", "type", "bridge")
    a.ip("address", "add", "10.77.0.1/24", "dev", "more")
    a.ip("link", "set", "more", "up")
    a.ip("address", "add", "10.9.0.1/16", "dev", "more")
    wait_for(lambda: "10.9.0.1 is an address of more too" in daemon.log(), 5, "a second one is said")
    check(daemon.log().count(WORDS) == 1, f"said once:\n{daemon.log()}")
    for name in ("containers", "more"):
        a.ip("link", "del", name)
    wait_for(lambda: daemon.status()["elsewhere"] == [], 5, "status forgets it")
    check(WORDS not in doctor(), "and so does doctor")


if __name__ == "__main__":
    main(run)
