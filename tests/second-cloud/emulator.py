"""Starts and stops ministack, an AWS emulator by others, which is installed in a folder of its own."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"


def install(folder):
    """Gives the emulator's Python. Its dependencies are not the SAM CLI's."""
    python, installed = folder / "venv/bin/python", folder / "venv/requirements.txt"
    if not (installed.exists() and installed.read_text() == REQUIREMENTS.read_text()):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
        install = ["install", "--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", REQUIREMENTS]
        subprocess.run([python, "-m", "pip", *install], check=True)
        installed.write_text(REQUIREMENTS.read_text())
    return python


class Emulator:
    """A running emulator; it ends with the `with` block."""

    def __init__(self, folder):
        python = install(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        shutil.rmtree(folder / "tmp", ignore_errors=True)
        (folder / "tmp").mkdir(parents=True)
        self.log = open(folder / "emulator.log", "w")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            # Functions may do what their roles grant, and no more.
            "AUTH": "true",
            # Else functions are not told where AWS is.
            "AWS_ENDPOINT_URL": self.url,
            # Else it listens on all addresses, for protocols that nobody here speaks.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "TMPDIR": str(folder / "tmp"),
        }
        self.process = subprocess.Popen(
            [python, "-m", "ministack"],
            env=environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            # With a group of its own, so that its functions end with it.
            start_new_session=True,
        )

    def __enter__(self):
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self

    def wait(self):
        for _ in range(300):
            try:
                return urllib.request.urlopen(self.url + "/_ministack/health", timeout=1).close()
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise SystemExit(f"The emulator does not start; see {self.log.name}.")

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # nothing is left of it
        self.process.wait()
        self.log.close()
