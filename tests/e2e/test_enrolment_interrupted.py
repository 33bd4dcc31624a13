"""`client add` fails or is killed at any of its system calls. A failure leaves everything as it was; after a kill the
configuration is valid, and the client is there or can be added."""
import re
import shutil

from enrolment import tree, tunneld
from harness import check, main

CALLS = {"openat": "ENOSPC", "write": "ENOSPC", "fsync": "EIO", "mkdir": "ENOSPC", "renameat2": "ENOSPC", "flock": "EINTR"}


def run(lab):
    server = lab.host("server")
    etc, own = server.directory / "etc", server.directory / "x"
    config = etc / "server.yaml"
    tunneld(server, "init", "server", "--dir", "etc", "--endpoint", "vpn.example.org")
    tunneld(server, "client", "add", "first", "--config", config)

    def add(*wrapper):
        return server.run(
            *wrapper, lab.tunneld, "client", "add", "x", "--config", config, cwd=server.directory, check_exit=False
        )

    def take_away():
        tunneld(server, "client", "remove", "x", "--config", config)
        shutil.rmtree(own)

    # Calls from the first that is ours; those before are the loader's.
    trace = server.directory / "trace"
    check(add("strace", "-o", trace, "-e", f"trace={','.join(CALLS)}").returncode == 0, "the plain run")
    take_away()
    before = tree(etc)
    points, counts, ours = [], {}, False
    for line in trace.read_text().splitlines():
        if not (found := re.match(r"(\w+)\((.*)", line)):
            continue
        call, arguments = found.groups()
        counts[call] = counts.get(call, 0) + 1
        ours = ours or str(etc) in arguments or call == "flock"
        if ours:
            points.append((call, counts[call]))
    check({call for call, _ in points} == set(CALLS), f"calls that were not made: {points}")
    check(len(points) > 20, f"the trace has too few calls: {points}")

    felt = 0
    for call, n in points:
        what = f"{call} number {n} failing"
        result = add(
            "strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={CALLS[call]}:when={n}"
        )
        if result.returncode == 0:
            take_away()
        else:
            felt += 1
            check("tunneld: " in result.stdout or "server.yaml" in result.stdout, f"{what}: no word of it: {result.stdout}")
            check(not own.exists(), f"{what}: {list(own.iterdir()) if own.exists() else ''}")
        check(tree(etc) == before, f"{what}: the server's files have changed\n{result.stdout}")
    check(felt > len(points) // 2, f"only {felt} of {len(points)} failures were felt")

    killed = 0
    for call, n in points:
        what = f"killed at {call} number {n}"
        result = add("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}")
        killed += result.returncode != 0
        tunneld(server, "check", "--config", config)
        shutil.rmtree(own, ignore_errors=True)
        if "x" not in re.findall("^(\\S+) ", tunneld(server, "client", "list", "--config", config), re.M):
            check(add().returncode == 0, f"{what}: cannot be added any more")
        own.mkdir(exist_ok=True)
        take_away()
        check(tree(etc) == before, f"{what}: something stays for ever")
    check(killed == len(points), f"only {killed} of {len(points)} kills happened")


if __name__ == "__main__":
    main(run)
