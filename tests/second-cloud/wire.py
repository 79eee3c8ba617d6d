"""Runs the wire tests of `anywhere` against a deployed bundle, and holds what they skip against a list."""

import os
import pathlib
import re
import subprocess

SKIPS = pathlib.Path(__file__).parent / "skips.txt"
# It kills functions that others are waiting for.
ALONE = (
    "anywhere::crash::sends_whose_function_is_killed_are_errors_and_under_their_keys_nothing_is_lost_or_doubled"
)
# Fewer than this means that something is amiss with the choice, not with the bundle.
LEAST = 61
SMOKE = "anywhere::connections::sends_beside_a_subscribe_reach_it_by_push_or_replay"
TESTS = ["cargo", "test", "--locked", "--workspace", "--test", "wire", "--", "--nocapture"]


def listed():
    """The tests that the emulator fails, each with a piece of what they then print."""
    lines = [line for line in SKIPS.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" | ", 1) for line in lines)


def run(arguments, environment, quiet=False):
    """Runs the tests that `arguments` choose: how many passed, how many failed, and what they print."""
    process = subprocess.Popen(
        [*TESTS, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        | environment
        | {"RUST_BACKTRACE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if not quiet and re.match(r"test .* \.\.\. (?!ok)|test result|SKIPPED", line):
            print("  " + line, end="", flush=True)
    process.wait()
    output = "".join(lines)
    counts = re.search(r"^test result: .* (\d+) passed; (\d+) failed", output, re.MULTILINE)
    if not counts:
        raise SystemExit(f"The tests did not run:\n{output[-5000:]}")
    return int(counts[1]), int(counts[2]), output


def only(name, environment):
    """Runs one test: whether it passes, and what it prints."""
    passed, failed, output = run(["--exact", name], environment, quiet=True)
    if passed + failed != 1:
        raise SystemExit(f"There is no test {name}.")
    return passed == 1, output


def works(environment):
    """Whether notifications reach who subscribes."""
    return only(SMOKE, environment)[0]


def test(environment):
    """Runs all that is not listed, which must pass and skip nothing; then each that is, which must fail as listed."""
    skips = listed()
    leave_out = [word for name in [ALONE, *skips] for word in ("--skip", name)]
    for arguments, least in ((["anywhere::", *leave_out], LEAST), (["--exact", ALONE], 1)):
        passed, failed, output = run(arguments, environment)
        if failed or passed < least:
            raise SystemExit(f"{passed} passed, and these failed that are not in {SKIPS.name}:\n{output[-20000:]}")
        unlisted = re.findall(r"^SKIPPED .*", output, re.MULTILINE)
        if unlisted:
            raise SystemExit(f"Skips that are not in {SKIPS.name}: {unlisted}")
    for name, error in skips.items():
        passes, output = only(name, environment)
        if passes:
            raise SystemExit(f"{name} passes: take it out of {SKIPS.name}.")
        if error not in output:
            raise SystemExit(f"{name} fails, but not with {error!r}:\n{output[-5000:]}")
        print(f"  skipped, as listed: {name}: {error}", flush=True)
