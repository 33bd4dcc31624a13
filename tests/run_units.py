#!/usr/bin/env python3
"""Runs the unit tests of one build, a test suite to a process, several at once, and counts tests. A process per test, as ctest
runs them, spends three quarters of its time on starting.

    tests/run_units.py BUILD [--only REGEX] [--programs NAME...]

Prints what failed with its output, then "N passed, N failed, N skipped". What failed is run once more, alone: a busy machine can
fail a test, a fault fails it again; what passes only then is named. What a sanitizer has seen counts as it is.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TIMEOUT = 300  # seconds for one suite; multiplied where a suite has many tests
SANITIZER = re.compile(r"Sanitizer:|runtime error:")


def tests_of(program):
    """The tests of each suite, in the program's order."""
    # The list on standard output has parameters in it, some of several lines.
    with tempfile.NamedTemporaryFile(suffix=".json") as listing:
        command = [program, "--gtest_list_tests", f"--gtest_output=json:{listing.name}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        suites = json.load(listing)["testsuites"]
    return [[f"{suite['name']}.{test['name']}" for test in suite["testsuite"]] for suite in suites]


def run(program, tests):
    """Runs tests of one suite. Returns {test: "passed" | "failed" | "skipped"} and the output; a test without a result failed."""
    command = [program, "--gtest_filter=" + ":".join(tests), "--gtest_color=no"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT + 5 * len(tests), check=False)
        output, ended = done.stdout + done.stderr, f"ended with {done.returncode}"
        good = done.returncode == 0
    except subprocess.TimeoutExpired as late:
        output, ended, good = (late.stdout or b"") + (late.stderr or b""), f"did not end in {late.timeout} s", False
    output = output.decode(errors="replace")
    words = {"OK": "passed", "SKIPPED": "skipped", "FAILED": "failed"}
    found = re.findall(r"^\[ +(OK|SKIPPED|FAILED) +\] ([^\s,]+).* \(\d+ ms\)$", output, re.MULTILINE)
    results = {test: words[word] for word, test in found}
    results = {test: results.get(test, "failed") for test in tests}
    # Such as a leak that is found when all tests have passed.
    if not good and "failed" not in results.values():
        results[tests[-1]] = "failed"
    return results, output + ("" if good else f"{pathlib.Path(program).name} {ended}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path, help="the folder of the build")
    parser.add_argument("--only", metavar="REGEX", default="", help="tests whose names it is found in")
    parser.add_argument("--programs", nargs="*", help="test programs; default: all that are there")
    options = parser.parse_args()
    folder = options.build.resolve() / "tests"
    programs = [folder / name for name in options.programs] if options.programs else sorted(folder.glob("*_test"))
    jobs = []
    for program in programs:
        for tests in tests_of(program):
            chosen = [test for test in tests if re.search(options.only, f"{program.name}.{test}")]
            if chosen:
                jobs.append((str(program), chosen))
    # The longest suites are where the most tests are.
    jobs.sort(key=lambda job: -len(job[1]))
    # Half of the time of a test is waiting.
    with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        finished = list(pool.map(lambda job: (job[0], *run(*job)), jobs))

    # What failed runs again here, when nothing else does.
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for program, results, output in finished:
        bad = [test for test, result in results.items() if result == "failed"]
        if bad:
            print(f"== {pathlib.Path(program).name}: {' '.join(bad)}\n" + "\n".join(output.splitlines()[-150:]))
        for test in bad if len(bad) <= 5 and not SANITIZER.search(output) else []:
            results[test] = run(program, [test])[0][test]
            print(f"a second time, alone: {test} {results[test]}")
        for test, result in results.items():
            counts[result] += 1
            if result == "skipped":
                print(f"skipped: {test}")
    print(", ".join(f"{count} {word}" for word, count in counts.items()))
    return 0 if counts["failed"] == 0 and counts["passed"] > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
