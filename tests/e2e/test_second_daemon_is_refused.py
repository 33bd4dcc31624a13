"""A second daemon on the same interface exits at once, without side effects; the first goes on."""
import time

from harness import check, check_same_state, main


def run(lab):
    a, b = lab.pair()
    check(a.ping("10.9.0.2") == 3, "ping")
    before = a.state()
    begin = time.monotonic()
    second = lab.start(a, a.config_path, ready=False)
    code = second.process.wait(timeout=5)
    check(time.monotonic() - begin < 1.5, "not at once")
    check(code == 1 and "another tunneld" in second.log(), f"exit code {code}:\n{second.log()}")
    check_same_state(before, a.state(), "after the second daemon")
    check(a.ping("10.9.0.2") == 3, "ping after the second daemon")
    # cleanup refuses to touch a live interface.
    result = a.run(lab.tunneld, "cleanup", "tun0", check_exit=False)
    check(result.returncode == 1 and "is up" in result.stdout, f"cleanup: {result.stdout}")
    check(a.ping("10.9.0.2") == 3, "ping after cleanup")


if __name__ == "__main__":
    main(run)
