#!/usr/bin/env python3
"""Runs the tests of a build and counts them: Catch2's test cases, published vectors, fuzz corpora, scripts of tests/cli.

usage: run_tests.py BUILD [--build] [--tag TAG] [--jobs N] [--slow FACTOR] [NAME...]

A test case, a vector, a replayed corpus and a script each count as one (a script may print its own `N passed, N failed`).
A program that crashes, hangs or runs nothing counts as one failed. What failed is shown with its output; the last line
is `N passed, N failed`, and the exit status is 0 only if nothing failed and something passed.

  --build        builds first what it will run
  --tag TAG      only Catch2's test cases with this tag, e.g. [threads]; nothing else is run
  --slow FACTOR  multiplies the time limits, for builds with sanitizers
  NAME           only programs and scripts whose name contains one of these
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
LIMIT_SECONDS = 300
OUTPUT_LINES_SHOWN = 150
SLOW_CASES_SHOWN = 5

CATCH_CASES = re.compile(r"^test cases:(.*)$", re.MULTILINE)
CATCH_ALL_PASSED = re.compile(r"^All tests passed \(.*\bin (\d+) test cases?\)", re.MULTILINE)
CATCH_NO_TESTS = re.compile(r"^(No tests ran|No test cases matched)", re.MULTILINE)
CATCH_DURATION = re.compile(r"^ *(\d+\.\d+) s: (.*)\n", re.MULTILINE)
OWN_COUNTS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$", re.MULTILINE)


@dataclasses.dataclass
class Job:
    name: str
    kind: str  # catch, script (may print counts), status (the exit status alone)
    command: list
    limit: float
    environment: dict = dataclasses.field(default_factory=dict)
    priority: int = 0


@dataclasses.dataclass
class Outcome:
    job: Job
    passed: int
    failed: int
    skipped: int
    seconds: float
    output: str
    problem: str  # empty, or what is wrong besides failed cases
    cases: list  # (seconds, name)


def catch_counts(output):
    """(passed, failed) of Catch2's last lines, version 2 or 3; None when there are none, as after a crash."""
    found = CATCH_ALL_PASSED.findall(output)
    if found:
        return int(found[-1]), 0
    lines = CATCH_CASES.findall(output)
    if lines:
        counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed as expected|failed)", lines[-1])}
        return counts.get("passed", 0) + counts.get("failed as expected", 0), counts.get("failed", 0)
    if CATCH_NO_TESTS.search(output):
        return 0, 0
    return None


def verdict(job, code, output, seconds, hung, tag):
    """What a finished program amounts to."""
    cases = [(float(took), name) for took, name in CATCH_DURATION.findall(output)] if job.kind == "catch" else []
    shown = CATCH_DURATION.sub("", output) if job.kind == "catch" else output
    counts, skipped, problem = None, 0, ""
    if job.kind == "catch":
        counts = catch_counts(shown)
    elif job.kind == "script":
        own = OWN_COUNTS.findall(output)
        if own:
            counts, skipped = (int(own[-1][0]), int(own[-1][1])), int(own[-1][2] or 0)
    if hung:
        problem = f"did not end within {job.limit:.0f} s"
    elif code < 0:
        problem = f"was killed by {signal.Signals(-code).name}"
    elif code != 0 and (counts is None or counts[1] == 0):
        problem = f"exited with status {code}"
    elif code == 0 and counts is not None and counts[1] > 0:
        problem = "reported failures and exited with status 0"
    elif code == 0 and counts == (0, 0) and skipped == 0 and not tag:
        problem = "ran no test"
    elif job.kind == "catch" and counts is None:
        problem = "ended without a count of its test cases"
    if counts is None:
        counts = (0, 0) if problem else (1, 0)
    failed = max(counts[1], 1) if problem else counts[1]
    return Outcome(job, counts[0], failed, skipped, seconds, shown, problem, cases)


def run(job, tag):
    started = time.monotonic()
    # A session of its own, so that what a test has left behind ends with it.
    try:
        process = subprocess.Popen(
            job.command, cwd=TOP, env={**os.environ, **job.environment}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        return Outcome(job, 0, 1, 0, 0, "", f"cannot be started: {error.strerror}", [])
    hung = False
    try:
        output, _ = process.communicate(timeout=job.limit)
    except subprocess.TimeoutExpired:
        hung = True
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    text = output.decode("utf-8", "replace")
    return verdict(job, process.returncode, text, time.monotonic() - started, hung, tag)


def introspect(build, what):
    path = build / "meson-info" / f"intro-{what}.json"
    if not path.exists():
        sys.exit(f"run_tests: {path} is missing; configure the build first (scripts/build)")
    return json.loads(path.read_text())


def program_jobs(build, slow):
    """The tests that Meson knows: test_<module> is Catch2's, of others (replay_<decoder>) the exit status counts."""
    jobs = []
    for test in introspect(build, "tests"):
        name = pathlib.Path(test["cmd"][0]).name
        kind = "catch" if name.startswith("test_") else "status"
        jobs.append(Job(name, kind, test["cmd"], float(test["timeout"] or LIMIT_SECONDS) * slow, test["env"],
                        test["priority"]))
    return jobs


# program, folder beside the checkout, its files, whether they are one job, and what checks the same where there are none.
VECTORS = [
    ("noise_vectors", "noise", "*.json", False, "the known answers in test_crypto"),
    ("json_vectors", "json/test_parsing", "*.json", True, "the known answers in test_wire"),
    ("cbor_vectors", "cbor", "appendix_a.json", False, "the known answers in test_wire"),
]


def vector_jobs(build, slow):
    """Published vectors, where they lie beside the checkout."""
    jobs = []
    known = {target["name"] for target in introspect(build, "targets")}
    for name, place, pattern, together, instead in VECTORS:
        if name not in known:
            continue
        program = str(build / "tests" / name)
        variable = f"MYDHT_{name.upper()}"
        folder = pathlib.Path(os.environ.get(variable, TOP.parent / "shared" / "vectors" / place))
        files = [str(file) for file in sorted(folder.glob(pattern))] if folder.is_dir() else []
        if not files:
            print(f"nothing for {name} in {folder} ({variable} names another folder); {instead} are checked all the same")
        elif together:
            jobs.append(Job(name, "script", [program, *files], LIMIT_SECONDS * slow))
        else:
            jobs += [Job(f"{name} {pathlib.Path(file).name}", "script", [program, file], LIMIT_SECONDS * slow)
                     for file in files]
    return jobs


def script_jobs(build, slow):
    """Every executable file in tests/cli is a test of the command; what it only reads is not executable."""
    folder = TOP / "tests" / "cli"
    known = any(target["name"] == "mydht" and target["type"] == "executable" for target in introspect(build, "targets"))
    if not folder.is_dir() or not known:
        return []
    environment = {"MYDHT": str(build / "mydht"), "MYDHT_BUILD": str(build)}
    return [Job(f"cli/{path.name}", "script", [str(path)], LIMIT_SECONDS * slow, environment)
            for path in sorted(folder.iterdir()) if path.is_file() and os.access(path, os.X_OK)]


def show(outcome):
    counts = f"{outcome.passed} passed" + (f", {outcome.failed} failed" if outcome.failed else "")
    if outcome.skipped:
        counts += f", {outcome.skipped} skipped"
    print(f"{'FAILED' if outcome.failed else 'ok':6} {outcome.job.name:28} {counts:28} {outcome.seconds:6.1f} s", flush=True)
    if not outcome.failed:
        return
    lines = outcome.output.splitlines()
    if len(lines) > OUTPUT_LINES_SHOWN:
        print(f"  | ... {len(lines) - OUTPUT_LINES_SHOWN} lines before these are not shown")
    for line in lines[-OUTPUT_LINES_SHOWN:]:
        print(f"  | {line}")
    if outcome.problem:
        print(f"  {outcome.job.name} {outcome.problem}")
    shown = outcome.job.command[:4]
    print(f"  run it alone: {' '.join(shown)}{' ...' if shown != outcome.job.command else ''}", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--build", action="store_true", dest="make")
    parser.add_argument("--tag")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--slow", type=float, default=1)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    build = options.build.resolve()

    jobs = program_jobs(build, options.slow)
    if options.tag:
        # A build for one tag need not have made every program.
        jobs = [job for job in jobs if job.kind == "catch" and pathlib.Path(job.command[0]).exists()]
        for job in jobs:
            job.command = [*job.command, options.tag]
    else:
        jobs += vector_jobs(build, options.slow) + script_jobs(build, options.slow)
    for job in jobs:
        if job.kind == "catch":
            job.command = [*job.command, "--durations", "yes"]
    if options.names:
        jobs = [job for job in jobs if any(name in job.name for name in options.names)]
    if not jobs:
        print("no test has such a name" if options.names else "there are no tests")
    if options.make and jobs:
        targets = {os.path.relpath(job.environment.get("MYDHT", job.command[0]), build) for job in jobs}
        if subprocess.run(["ninja", "-C", str(build), *sorted(targets)], check=False).returncode != 0:
            print("nothing could be built, so no test was run\n0 passed, 1 failed")
            sys.exit(1)
    jobs.sort(key=lambda job: -job.priority)

    passed = failed = 0
    cases = []
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(run, job, options.tag) for job in jobs]):
            outcome = done.result()
            passed += outcome.passed
            failed += outcome.failed
            cases += [(took, f"{outcome.job.name}: {name}") for took, name in outcome.cases]
            if outcome.passed or outcome.failed:
                show(outcome)
    slowest = [case for case in sorted(cases, reverse=True)[:SLOW_CASES_SHOWN] if case[0] >= 1]
    if slowest:
        print("slowest test cases:")
        for took, name in slowest:
            print(f"  {took:6.1f} s  {name}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(0 if failed == 0 and passed > 0 else 1)


if __name__ == "__main__":
    main()
