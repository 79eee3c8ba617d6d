#!/usr/bin/env python3
"""Holds docs/reference/openapi.yaml and docs/reference/asyncapi.yaml against what a local stack answers.

    pip install --require-hashes --no-deps --requirement tests/openapi/requirements.txt
    python3 tests/openapi/run.py

The documents have to be well-formed, and their examples valid. Then schemathesis calls the HTTP API with whatever the
document allows, and with what it does not; each answer that is documented is provoked; a WebSocket is talked to until
each message has come; and the clients for Python and TypeScript that are generated from openapi.yaml send and read. It
needs npm, for AsyncAPI's own schema and the generator for TypeScript. Anything that is not as documented ends it with a
1.
"""

import argparse
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import time

try:
    import answers
    import conversation
    import documents
    import generated
    from stack import ROOT, Stack, token
except ImportError as missing:
    sys.exit(f"{missing}. Run: pip install --require-hashes --no-deps --requirement tests/openapi/requirements.txt")

FOLDER = ROOT / "target/openapi"
HERE = pathlib.Path(__file__).parent
NOTES = FOLDER / "answers.txt"
# For each token: its claims, the phases of schemathesis, and how many examples of each operation there are.
EACH = "examples,coverage,fuzzing,stateful"
TOKENS = {
    "a publisher": (answers.PUBLISHER, EACH, 60),
    "a user": ({"sub": "alice", "publish": ["topic:*"], "subscribe": ["topic:*"]}, EACH, 25),
    "nobody": (None, "examples,fuzzing", 5),
}


def say(text):
    print(text, flush=True)


def build():
    say("Building")
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--bins"], cwd=ROOT, check=True)


def fill(stack):
    """So that there is something to read, and endpoints to look at."""
    publisher = token("publisher", publish=["*"])
    endpoint = {"kind": "sms", "phone": "+4915112345678", "min_priority": "high"}
    stack.call("POST", "/v1/channels/topic:news/endpoints", publisher, json=endpoint)
    for n in range(3):
        notification = {"to": ["user:alice", "topic:news"], "title": f"{n}", "data": {"n": n}, "priority": "low"}
        stack.call("POST", "/v1/notifications", publisher, json=notification)


def schemathesis(stack, who, seed):
    """Lets it look for what is not documented; gives whether it found something, and what it says."""
    claims, phases, examples = TOKENS[who]
    headers = ["--header", f"Authorization: Bearer {token(**claims)}"] if claims else []
    command = [
        pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", HERE / "schemathesis.toml",
        "run", documents.OPENAPI, "--url", stack.http, "--no-color", *headers,
        "--seed", str(seed), "--phases", phases, "--max-examples", str(examples),
    ]  # fmt: skip
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE)}
    done = subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True)
    (FOLDER / f"schemathesis {who}.txt").write_text(done.stdout + done.stderr)
    return done.returncode, done.stdout + done.stderr


def noted():
    """The answers of the HTTP API, by operation, status and code."""
    lines = [line.split() for line in NOTES.read_text().splitlines()]
    return {(name, int(status), code) for name, status, code in lines}


def compare(what, documented, seen, not_tried):
    """Compares: all that the document names has to come, and nothing else."""
    missing, more = documented - seen - not_tried, seen - documented
    wrong = [f"{what}: {each} is documented and has not come" for each in sorted(missing, key=str)]
    return wrong + [f"{what}: {each} has come and is not documented" for each in sorted(more, key=str)]


def hold(stack, openapi, asyncapi, seed):
    """Compares the stack with its documents, in both directions, and returns the differences."""
    wrong = []
    fill(stack)
    wrong += generated.call(stack, FOLDER)
    for who in TOKENS:
        failed, said = schemathesis(stack, who, seed)
        say(f"schemathesis as {who}: " + "; ".join(re.findall("^  ([0-9]+ generated.*)", said, re.MULTILINE)))
        wrong += [f"schemathesis as {who} (--seed {seed}):\n{said}"] if failed else []
    http, socket = answers.provoke(stack, openapi), conversation.converse(stack, asyncapi)
    with Stack(FOLDER, WebhookChallenge="true") as asking:
        wrong += answers.challenges(asking, openapi)
    say(f"{len(noted())} kinds of answers of the HTTP API and {len(socket.seen)} things of the WebSocket API have come")
    wrong += http.violations + asyncapi.violations
    wrong += compare("HTTP", set(http.documented()), noted(), answers.NOT_TRIED)
    return wrong + compare("WebSocket", set(socket.documented()), socket.seen, conversation.NOT_TRIED)


def main():
    # Else what was started would go on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description="Holds the documents of the APIs against what a local stack answers.")
    parser.add_argument("--no-build", action="store_true", help="use the binaries as they are")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="what schemathesis makes up")
    options = parser.parse_args()
    if not options.no_build:
        build()
    FOLDER.mkdir(parents=True, exist_ok=True)
    NOTES.write_text("")
    os.environ["TIDINGS_ANSWERS"] = str(NOTES)
    began = time.monotonic()
    openapi, asyncapi, examples = documents.read(FOLDER)
    wrong = openapi.violations + asyncapi.violations
    say(f"The documents have {examples} examples and {len(wrong)} mistakes; the seed is {options.seed}")
    if not wrong:
        with Stack(FOLDER) as stack:
            wrong = hold(stack, openapi, asyncapi, options.seed)
    say("\n".join(wrong) or f"All is as documented ({time.monotonic() - began:.0f} s)")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
