"""Any system call of a start may fail: either the tunnel comes up all the same, or the start fails with words and an exit
code, and the host is as it was without a cleanup."""
import random
import re
import subprocess

from harness import check, check_same_state, main, sh, wait_for

SLOW = True
POINTS = 60
SETTLED = 0.3  # seconds after coming up in which the last calls of a start happen
ERRORS = {
    "sendmsg": ["ENOMEM", "ENOBUFS", "EPERM", "EINTR"],
    "recvmsg": ["ENOMEM", "ENOBUFS", "EINTR"],
    "socket": ["EMFILE", "ENOMEM"],
    "openat": ["EMFILE", "ENOMEM", "EACCES"],
    "write": ["ENOSPC", "EIO"],
    "ioctl": ["ENOMEM", "EBUSY", "EPERM"],
    "flock": ["EINTR"],
    "bind": ["EADDRINUSE"],
}


def tunneld_pid(host):
    """The daemon itself, not strace before it."""
    for pid in sh("ip", "netns", "pids", host.namespace).stdout.split():
        command = sh("ps", "-o", "comm=", "-p", pid, check_exit=False).stdout.strip()
        if command == "tunneld":
            return pid
    return None


def run_once(lab, host, words):
    """Starts under strace and stops whatever came up. Returns (it came up, its exit code, the daemon)."""
    daemon = lab.start(host, host.config_path, ready=False, wrapper=words)
    # Its log says that it is up: READY=1 may be the message that fails. Asked to end sooner it might not listen yet.
    wait_for(lambda: daemon.process.poll() is not None or " is up: " in daemon.log(), 20, "up, or ended")
    try:
        daemon.process.wait(timeout=SETTLED)
    except subprocess.TimeoutExpired:
        if pid := tunneld_pid(host):
            sh("kill", "-TERM", pid, check_exit=False)
    code = daemon.process.wait(timeout=15)
    return code == 0, code, daemon


def run(lab):
    a, _ = lab.pair(start=False)
    before = a.state()
    trace = a.directory / "trace"
    up, code, _ = run_once(lab, a, ["strace", "-f", "-o", trace, "-e", f"trace={','.join(ERRORS)}"])
    check(up and code == 0, f"the plain run: up {up}, exit code {code}")
    # From the first thing that is ours: what fails before main() is the loader's. Of writes only those to the journal:
    # an eventfd's never fails.
    counts = {}
    points = []
    ours = False
    for line in trace.read_text().splitlines():
        found = re.match(r"\d+ +(\w+)\((.*)", line)
        if not found:
            continue
        call, arguments = found.groups()
        counts[call] = counts.get(call, 0) + 1
        ours = ours or str(a.config_path) in arguments
        if ours and (call != "write" or '"{' in arguments):
            points += [(call, counts[call], error) for error in ERRORS[call]]
    check(len(points) > POINTS, f"the trace has too few calls: {counts}")
    seed = 20261123
    random.Random(seed).shuffle(points)
    failed = 0
    for call, n, error in points[:POINTS]:
        what = f"{call} number {n} failing with {error} (seed {seed})"
        words = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:error={error}:when={n}",
        ]
        up, code, daemon = run_once(lab, a, words)
        if not up:
            failed += 1
            check(code in (1, 2, 3), f"{what}: exit code {code}\n{daemon.log()}")
            check(daemon.log().strip() != "", f"{what}: no word of it")
        check_same_state(before, a.state(), what)
    check(failed >= POINTS // 6, f"only {failed} of {POINTS} failures were felt")


if __name__ == "__main__":
    main(run)
