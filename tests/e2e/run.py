#!/usr/bin/env python3
"""Runs the end-to-end tests: all, or those whose names contain one of the words given.

Each runs in a process of its own, three at a time (most of them wait); tests with ALONE = True have the machine to
themselves, tests with VARIANTS = True run again with other engines and with offloads off. The last line counts:
"N passed, N failed, N skipped".
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 420
VARIANTS = [
    {"TUNNELD_E2E_ENGINE": "libsodium"},
    {"TUNNELD_E2E_ENGINE": "libsodium", "TUNNELD_E2E_OFFLOAD": "off"},
    {"TUNNELD_E2E_ENGINE": "ipsec-mb", "TUNNELD_E2E_OFFLOAD": "off"},
]
running = set()


def says(path, word):
    return f"\n{word} = True" in path.read_text()


def run(path, tunneld, variant):
    begin = time.monotonic()
    name = path.stem.removeprefix("test_")
    if variant:
        name += f" [{', '.join(variant.values())}]".replace(", off", ", offload off")
    if variant.get("TUNNELD_E2E_ENGINE") == "ipsec-mb" and "avx2" not in pathlib.Path("/proc/cpuinfo").read_text():
        return name, 77, "this processor has no AVX2, which ipsec-mb needs", 0.0
    process = subprocess.Popen(
        [sys.executable, path, "--tunneld", tunneld],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, **variant},
    )
    running.add(process)
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        output, code = "timed out", 1
    running.discard(process)
    return name, code, output, time.monotonic() - begin


def remove_leftovers():
    """Namespaces of tests that were killed."""
    for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines():
        name = line.split()[0]
        if name.startswith("tt") and "-" in name and not pathlib.Path(f"/proc/{name[2:].split('-')[0]}").exists():
            pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "del", name])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tunneld", default=str(HERE.parents[1] / "build/release/tunneld"))
    parser.add_argument("--no-variants", action="store_true", help="each test once")
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    paths = sorted(path for path in HERE.glob("test_*.py")
                   if not arguments.words or any(word in path.stem for word in arguments.words))
    failures = []
    counts = {"passed": 0, "failed": 0, "skipped": 0}

    def report(result):
        name, code, output, seconds = result
        verdict = {0: "passed", 77: "skipped"}.get(code, "failed")
        counts[verdict] += 1
        print(f"{verdict:8} {name} ({seconds:.1f} s)", flush=True)
        if verdict != "passed":
            print("    " + output.strip().replace("\n", "\n    "), flush=True)
        if verdict == "failed":
            failures.append((name, output.partition("\n--- ")[0].strip()))

    try:
        # Slow ones that mostly wait go first, beside the others.
        jobs = [(path, {}) for path in paths]
        if not arguments.no_variants:
            jobs += [(path, variant) for variant in VARIANTS for path in paths if says(path, "VARIANTS")]
        together = sorted((job for job in jobs if not says(job[0], "ALONE")), key=lambda job: not says(job[0], "SLOW"))
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=3)
        for future in concurrent.futures.as_completed([pool.submit(run, path, arguments.tunneld, variant)
                                                    for path, variant in together]):
            report(future.result())
        for path, variant in jobs:
            if says(path, "ALONE"):
                report(run(path, arguments.tunneld, variant))
    except KeyboardInterrupt:
        # The tests have sessions of their own and did not hear it. Asked to end, they clean up.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list(running):
            process.send_signal(signal.SIGINT)
        pool.shutdown(wait=True)
        counts["failed"] += 1
    finally:
        remove_leftovers()
    # Once more at the end, without the logs, where a long output's reader looks first.
    for name, words in failures:
        print(f"failed: {name}: {words[-600:]}")
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    sys.exit(1 if counts["failed"] or not counts["passed"] else 0)


if __name__ == "__main__":
    main()
