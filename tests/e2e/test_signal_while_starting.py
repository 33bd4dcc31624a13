"""SIGTERM at any moment of a start: the daemon ends with 0 or never began, and the host is as it was."""
import signal
import time

from harness import check, check_same_state, main


def run(lab):
    a, b = lab.pair(start=False)
    before = a.state()
    clean = 0
    for delay in [n / 1000 for n in range(0, 60, 3)]:
        daemon = lab.start(a, a.config_path, ready=False)
        time.sleep(delay)
        daemon.process.send_signal(signal.SIGTERM)
        code = daemon.process.wait(timeout=10)
        check(code in (0, -signal.SIGTERM), f"exit code {code} after {delay} s:\n{daemon.log()}")
        clean += code == 0
        if code != 0:  # before it could listen to signals it had changed nothing; only its lock's file may be there
            a.run(lab.tunneld, "cleanup")
        check_same_state(before, a.state(), f"SIGTERM after {delay} s")
    check(clean > 0, "no signal was caught while starting")


if __name__ == "__main__":
    main(run)
