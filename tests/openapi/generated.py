"""Generates a client for Python and one for TypeScript from openapi.yaml, and has each call the stack."""

import os
import pathlib
import shutil
import subprocess
import sys

import documents
from stack import token

BIN = pathlib.Path(sys.executable).parent
CALLS = documents.HERE / "clients"
CLAIMS = {"sub": "publisher", "publish": ["*"], "subscribe": ["*", "user:*"]}


def call(stack, folder):
    """Calls the API with the generated clients, and returns the faults; `folder` is where npm has installed the generator."""
    return python(stack, folder / "python") + typescript(stack, folder / "typescript")


def python(stack, folder):
    # A warning says that a part of the API is left out of the client.
    generator = [BIN / "openapi-python-client", "generate", "--fail-on-warning", "--overwrite", "--meta", "none"]
    # It formats what it has made with ruff, which is installed beside it.
    path = {"PATH": f"{BIN}:{os.environ['PATH']}"}
    generated = [*generator, "--path", documents.OPENAPI, "--output-path", folder / "tidings_client"]
    return run("Python", path, generated) or run(
        "Python", address(stack) | {"PYTHONPATH": str(folder)}, [sys.executable, CALLS / "client.py"]
    )


def typescript(stack, folder):
    tools = folder.parent / "node_modules/.bin"
    generator = [tools / "openapi-ts", "--input", documents.OPENAPI, "--output", folder / "tidings"]
    compiler = [tools / "tsc", "--strict", "--target", "es2022", "--module", "commonjs", "--outDir", folder / "built"]
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(CALLS / "client.ts", folder)
    return (
        run("TypeScript", {}, [*generator, "--client", "@hey-api/client-fetch"])
        or run("TypeScript", {}, [*compiler, folder / "client.ts"])
        or run("TypeScript", address(stack), ["node", folder / "built/client.js"])
    )


def address(stack):
    return {"TIDINGS_HTTP": stack.http, "TIDINGS_TOKEN": token(**CLAIMS)}


def run(language, environment, command):
    """Nothing, or what a command that has failed says."""
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    said = f"{done.stdout}{done.stderr}".strip()
    return [f"the client for {language}: {command[0]} fails:\n{said}"] if done.returncode else []
