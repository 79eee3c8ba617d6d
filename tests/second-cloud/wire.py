"""Runs the wire tests of `anywhere` against a deployed bundle, and holds what they skip against a list."""

import os
import pathlib
import re
import subprocess

SKIPS = pathlib.Path(__file__).parent / "skips.txt"
# It kills functions that others are waiting for.
ALONE = "anywhere::crash"
SMOKE = "anywhere::delivery::two_devices_of_one_user_both_get_it_and_another_user_does_not"
TESTS = ["cargo", "test", "--locked", "--package", "tidings-tests", "--test", "wire", "--", "--nocapture"]


def listed():
    """The tests that the emulator fails, each with a piece of what they then print."""
    lines = [line for line in SKIPS.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" | ", 1) for line in lines)


def run(arguments, environment, quiet=False):
    """Runs the tests that `arguments` choose: whether they pass, and what they print."""
    process = subprocess.Popen(
        [*TESTS, *arguments], env=os.environ | environment | {"RUST_BACKTRACE": "0"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if not quiet and re.match(r"test .* \.\.\. (?!ok)|test result|SKIPPED", line):
            print("  " + line, end="", flush=True)
    return process.wait() == 0, "".join(lines)


def works(environment):
    """Whether a notification reaches two devices."""
    return run(["--exact", SMOKE], environment, quiet=True)[0]


def test(environment):
    """Runs all that is not listed, which must pass and skip nothing; then each that is, which must fail as listed."""
    skips = listed()
    leave_out = [word for name in [ALONE, *skips] for word in ("--skip", name)]
    for arguments in (["anywhere::", *leave_out], [ALONE]):
        passed, output = run(arguments, environment)
        if not passed:
            raise SystemExit(f"Tests failed that are not in {SKIPS.name}:\n{output[-20000:]}")
        unlisted = re.findall(r"^SKIPPED .*", output, re.MULTILINE)
        if unlisted:
            raise SystemExit(f"Skips that are not in {SKIPS.name}: {unlisted}")
    for name, error in skips.items():
        passed, output = run(["--exact", name], environment, quiet=True)
        if "running 1 test" not in output:
            raise SystemExit(f"{SKIPS.name} lists {name}, which is no test.")
        if passed:
            raise SystemExit(f"{name} passes: take it out of {SKIPS.name}.")
        if error not in output:
            raise SystemExit(f"{name} fails, but not with {error!r}:\n{output[-5000:]}")
        print(f"  skipped, as listed: {name}: {error}", flush=True)
