"""SIGKILL at every n-th system call of a start that changes the host, then cleanup: the host is as it was, and so is a resolv.conf of
several pages that nothing can take the place of."""
import pathlib
import random
import re
import signal
import subprocess

from harness import check, check_same_state, main, sh, wait_for

SLOW = True
POINTS = 40
CALLS = "openat,write,sendmsg,ioctl,bind,unlink,flock,socket,mkdir"
# Those that write resolv.conf in place: each of them.
IN_PLACE = "pwrite64,ftruncate,fallocate"


def run(lab):
    a, b = lab.pair(start=False, interface={"dns": {"servers": ["10.9.0.2"]}})
    etc = pathlib.Path(f"/etc/netns/{a.namespace}")
    etc.mkdir(parents=True, exist_ok=True)
    (etc / "resolv.conf").write_text("nameserver 203.0.113.99\n" + "".join(f"# line {n} of many\n" for n in range(600)))
    before = a.state()
    check("# line 599 of many" in before, "the state shows resolv.conf")
    trace = a.directory / "trace"
    words = ["strace", "-f", "-o", trace, "-e", f"trace={CALLS},{IN_PLACE}"]
    daemon = lab.start(a, a.config_path, wrapper=words)
    pids = sh("pgrep", "-f", f"^{re.escape(lab.tunneld)} --config {re.escape(str(a.config_path))}").stdout.split()
    for pid in pids:
        sh("kill", "-TERM", pid, check_exit=False)
    daemon.process.wait(timeout=15)
    lines = trace.read_text().splitlines()
    counts = {}
    for line in lines:
        if found := re.match(r"\d+ +(\w+)\(", line):
            counts[found.group(1)] = counts.get(found.group(1), 0) + 1
    points = [(call, n) for call, total in counts.items() for n in range(1, total + 1)]
    check(len(points) > 50, f"the trace has too few calls: {counts}")
    seed = 20261123
    random.Random(seed).shuffle(points)
    in_place = [point for point in points if point[0] in IN_PLACE]
    check(len(in_place) > 3, f"resolv.conf is not written in place: {counts}")
    others = [point for point in points if point not in in_place]
    killed = 0
    for call, n in in_place + others[:POINTS]:
        words = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            f"trace={call}",
            "-e",
            f"inject={call}:signal=KILL:when={n}",
        ]
        daemon = lab.start(a, a.config_path, ready=False, wrapper=words)
        try:
            # strace ends as its child did.
            killed += daemon.process.wait(timeout=2) == -signal.SIGKILL
        except subprocess.TimeoutExpired:  # that call came while stopping, or never
            for pid in sh("ip", "netns", "pids", a.namespace).stdout.split():
                sh("kill", "-KILL", pid, check_exit=False)
            daemon.process.wait(timeout=5)
        wait_for(lambda: not sh("ip", "netns", "pids", a.namespace).stdout.split(), 5, "all threads are gone")
        a.run(lab.tunneld, "cleanup")
        check_same_state(before, a.state(), f"killed at {call} number {n} (seed {seed})")
    check(killed >= POINTS // 2, f"only {killed} of {POINTS} kills happened")


if __name__ == "__main__":
    main(run)
