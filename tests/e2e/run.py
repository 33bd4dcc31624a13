#!/usr/bin/env python3
"""Runs the end-to-end tests: all, or those whose names contain one of the words given.

Each runs in a process of its own, three at a time (most of them wait), and beside those as many with SLOW = True, which mostly
do nothing else; tests with ALONE = True have the machine to themselves, tests with VARIANTS = True run again with other engines
and with offloads off. The last line counts: "N passed, N failed, N skipped". What fails is tried a second time, alone: a test
that passes only then is named at the end, because it needs repair even so.
"""

import argparse
import collections
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
# More failures than this are no accident of a busy machine.
MOST_SECOND_TRIES = 5
VARIANTS = [
    {"TUNNELD_E2E_ENGINE": "libsodium"},
    {"TUNNELD_E2E_ENGINE": "libsodium", "TUNNELD_E2E_OFFLOAD": "off"},
    {"TUNNELD_E2E_ENGINE": "ipsec-mb", "TUNNELD_E2E_OFFLOAD": "off"},
]
running = set()
Job = collections.namedtuple("Job", "path variant")


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
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env={**os.environ, **variant},
    )
    running.add(process)
    try:
        output, _ = process.communicate(timeout=TIMEOUT)
        code = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, code = "timed out\n" + process.communicate()[0], 1
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
    paths = sorted(
        path for path in HERE.glob("test_*.py") if not arguments.words or any(word in path.stem for word in arguments.words)
    )
    if unknown := [word for word in arguments.words if not any(word in path.stem for path in paths)]:
        parser.error(f"no test's name contains {', '.join(unknown)}")
    verdicts = {}  # of each job: "passed", "failed" or "skipped", and its output without the logs
    proven = set()  # a sanitizer has seen the fault, so no second try can excuse it

    def report(job, words=""):
        name, code, output, seconds = run(job.path, arguments.tunneld, job.variant)
        verdict = {0: "passed", 77: "skipped"}.get(code, "failed")
        verdicts[name] = job, verdict, output.partition("\n--- ")[0].strip()
        if "Sanitizer" in output:
            proven.add(name)
        lines = "" if verdict == "passed" else "\n    " + output.strip().replace("\n", "\n    ")
        print(f"{verdict:8} {name} ({seconds:.1f} s{words}){lines}", flush=True)

    second_tries = {}
    interrupted = False
    pools = {slow: concurrent.futures.ThreadPoolExecutor(max_workers=3) for slow in (False, True)}
    try:
        jobs = [Job(path, {}) for path in paths]
        if not arguments.no_variants:
            jobs += [Job(path, variant) for variant in VARIANTS for path in paths if says(path, "VARIANTS")]
        together = [job for job in jobs if not says(job.path, "ALONE")]
        futures = [pools[says(job.path, "SLOW")].submit(report, job) for job in together]
        for future in concurrent.futures.as_completed(futures):
            future.result()
        for job in jobs:
            if says(job.path, "ALONE"):
                report(job)
        failed = {name: result for name, result in verdicts.items() if result[1] == "failed"}
        if len(failed) <= MOST_SECOND_TRIES:
            for name, (job, _, said) in failed.items():
                if name in proven:
                    continue
                report(job, ", second try")
                if verdicts[name][1] != "failed":
                    second_tries[name] = said
    except KeyboardInterrupt:
        # The tests have sessions of their own and did not hear it. Asked to end, they clean up.
        for pool in pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        for process in list(running):
            process.send_signal(signal.SIGINT)
        for pool in pools.values():
            pool.shutdown(wait=True)
        interrupted = True
    finally:
        remove_leftovers()
    # Once more at the end, without the logs, where a long output's reader looks first.
    for name, said in second_tries.items():
        print(f"only at the second try: {name}: {said[-600:]}")
    for name, (_, verdict, said) in verdicts.items():
        if verdict == "failed":
            print(f"failed: {name}: {said[-600:]}")
    passed, failed, skipped = (
        [verdict for _, verdict, _ in verdicts.values()].count(word) for word in ("passed", "failed", "skipped")
    )
    print(f"{passed} passed, {failed + interrupted} failed, {skipped} skipped")
    sys.exit(1 if failed or interrupted or not passed else 0)


if __name__ == "__main__":
    main()
