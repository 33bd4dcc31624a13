#!/usr/bin/env python3
"""What a clean release build of the target `tunneld` costs, by commit: CPU seconds in all and of the ten slowest translation
units, and how the source is laid out: files by folder, longest chain of includes. Run it on a quiet machine.

    tests/bench/build_cost.py COMMIT...        in one run, one commit after the other; default: HEAD

CPU time is that of the compiler's processes (getrusage of the children), as the compiler's launcher sees it.
"""

import collections
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.MULTILINE)


def launch(log, command):
    """Runs one compilation and notes what it took."""
    status = subprocess.run(command, check=False).returncode
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = command[command.index("-o") + 1] if "-o" in command else "?"
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{used.ru_utime + used.ru_stime:.2f} {output}\n")
    return status


def build(source, folder):
    """CPU seconds by translation unit."""
    log = folder / "cost"
    launcher = f"{sys.executable};{pathlib.Path(__file__).resolve()};--launch;{log}"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("CMAKE_")}
    for command in (
        ["cmake", "-S", source, "-B", folder / "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release"]
        + ["-DTUNNELD_TESTS=OFF", f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"],
        ["cmake", "--build", folder / "build", "--target", "tunneld"],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    costs = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        seconds, output = line.split(" ", 1)
        costs[re.sub(r"^CMakeFiles/|\.dir|\.o$", "", output)] = float(seconds)
    return costs


def longest_chain(source):
    """The longest way from a source file over the project's own headers."""
    known = {}

    def chain(name, above=()):
        if name in known:
            return known[name]
        path = source / name
        if name in above or not path.is_file():
            return []
        below = [chain(each, (*above, name)) for each in INCLUDE.findall(path.read_text(encoding="utf-8"))]
        known[name] = [name, *max(below, key=len, default=[])]
        return known[name]

    files = [
        str(path.relative_to(source)) for top in ("common", "config", "daemon") for path in (source / top).rglob("*.cc")
    ]
    return max((chain(name) for name in files), key=len)


def report(commit):
    with tempfile.TemporaryDirectory(prefix="tunneld-build-cost-") as temporary:
        folder = pathlib.Path(temporary)
        source = folder / "source"
        source.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", source], input=archive, check=True)
        folders = collections.Counter(
            str(path.parent.relative_to(source))
            for top in ("common", "config", "daemon")
            for path in (source / top).rglob("*.[ch]*")
        )
        chain = longest_chain(source)
        costs = build(source, folder)
    print(f"== {commit}")
    print(f"CPU: {sum(costs.values()):.0f} s in {len(costs)} translation units")
    for name, seconds in sorted(costs.items(), key=lambda cost: -cost[1])[:10]:
        print(f"  {seconds:6.1f} s  {name}")
    print("files: " + ", ".join(f"{name} {count}" for name, count in sorted(folders.items())))
    print(f"longest chain of includes, {len(chain)}: " + " → ".join(chain), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--launch"]:
        sys.exit(launch(sys.argv[2], sys.argv[3:]))
    for each in sys.argv[1:] or ["HEAD"]:
        report(each)
