"""Whatever ends the daemon, the host is byte for byte as it was: SIGTERM, SIGINT, `down`, failed starts, SIGKILL followed
by `cleanup` or by the next start."""
import signal

from harness import check, check_same_state, main, wait_for


def run(lab):
    a, b = lab.pair(start=False)
    # Something of somebody else's, that must be left alone.
    a.ip("route", "add", "10.50.0.0/16", "via", "203.0.113.2")
    before = a.state()

    for number in (signal.SIGTERM, signal.SIGINT):
        daemon = lab.start(a, a.config_path)
        check(a.state() != before, "the tunnel changes nothing: nothing was tested")
        daemon.stop(number)
        check_same_state(before, a.state(), f"after {number.name}")

    daemon = lab.start(a, a.config_path)
    a.run(lab.tunneld, "down")
    check(daemon.process.wait(timeout=10) == 0, "down ends with 0")
    check_same_state(before, a.state(), "after down")

    daemon = lab.start(a, a.config_path)
    daemon.stop(signal.SIGKILL, expect=-signal.SIGKILL)
    check("tun0.journal" in a.state(), "SIGKILL leaves a journal")
    a.run(lab.tunneld, "cleanup")
    check_same_state(before, a.state(), "after SIGKILL and cleanup")

    lab.start(a, a.config_path).stop(signal.SIGKILL, expect=-signal.SIGKILL)
    daemon = lab.start(a, a.config_path)
    daemon.stop()
    check_same_state(before, a.state(), "after SIGKILL, a start and a stop")

    # The device is taken away from outside: the daemon ends, with a failure, and cleans up.
    daemon = lab.start(a, a.config_path)
    a.ip("link", "del", "tun0")
    wait_for(lambda: daemon.process.poll() is not None, 5, "the daemon notices that its device is gone")
    check(daemon.process.returncode == 1, f"exit code {daemon.process.returncode}")
    check_same_state(before, a.state(), "after ip link del")


if __name__ == "__main__":
    main(run)
