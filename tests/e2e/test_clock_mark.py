"""A peer refuses handshakes that are older than the last one. So a run begins where the one before has ended, though the clock
was set back meanwhile: what a run has used is in the state directory, and what it had only reserved is given back at its end."""
import time

from harness import check, main, wait_for

HOUR = 3600


def run(lab):
    a, b = lab.pair(start=False)
    mark = a.state_directory / "tun0.clock"

    def ahead():
        """Seconds."""
        return int(mark.read_text()) / 1e9 - time.time()

    # As if the clock had been set back by an hour since the last run.
    a.state_directory.mkdir(mode=0o700)
    mark.write_text(f"{int((time.time() + HOUR) * 1e9)}\n")
    server = lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "with a mark in the future")
    check((daemon.status()["clock"]["behind_seconds"] or 0) > HOUR - 60, f"status: {daemon.status()['clock']}")
    daemon.stop()
    check(HOUR - 60 < ahead() < HOUR + 60, f"the mark is {ahead()} s ahead")

    kept = mark.read_text()
    mark.unlink()
    daemon = lab.start(a, a.config_path)
    a.popen("ping", "-n", "10.9.0.2")
    wait_for(lambda: "no answer to a handshake" in daemon.log(), 15, "without its mark it is refused")
    check(not a.reaches("10.9.0.2"), "the first run has not begun at its mark: nothing was tested")
    daemon.stop()
    mark.write_text(kept)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "with its mark again")
    daemon.stop()

    # With a clock that is right.
    server.stop()
    mark.unlink()
    server = lab.start(b, b.config_path)
    daemon = lab.start(a, a.config_path)
    wait_for(lambda: a.reaches("10.9.0.2"), 10, "without a mark")
    check(ahead() > 30, f"nothing is reserved for the case of a kill: the mark is {ahead()} s ahead")
    daemon.stop()
    check(ahead() < 20, f"what was reserved is not given back: the mark is {ahead()} s ahead")


if __name__ == "__main__":
    main(run)
