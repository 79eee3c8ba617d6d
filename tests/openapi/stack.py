"""A local stack, tokens that it believes, and what can be done to it."""

import base64
import contextlib
import hashlib
import hmac
import json
import pathlib
import signal
import subprocess
import sys
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / "target/debug/tidings-local"
# Where webhooks may be, besides port 9, at which nobody listens.
RECEIVER = 30401
# What signs the tokens of these tests.
SECRET = "the secret of the tests of the documents"
# All kinds of endpoints but `mobile_push`, so that there is one that is off.
PARAMETERS = {
    "LocalTokenSecret": SECRET,
    "AllowLoopbackWebhooks": f"9,{RECEIVER}",
    "VapidPublicKey": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "ConnectionsPerUser": "25",
    "SmsDailyCap": "1000",
    "EmailDailyCap": "1000",
    "EmailFrom": "tidings@example.com",
    # What is made up comes as fast as it can.
    "PollsPerSecond": "100000",
}


# Without it the control API changes nothing.
CONTROL = {"X-Tidings-Local": "1"}


def token(sub, lasts=3600, **claims):
    """A token as an application's server would make one; it lasts so many seconds."""
    header, claims = {"alg": "HS256", "typ": "JWT"}, {"sub": sub, "exp": int(time.time()) + lasts} | claims
    signed = ".".join(part(json.dumps(each).encode()) for each in (header, claims))
    return f"{signed}.{part(hmac.digest(SECRET.encode(), signed.encode(), hashlib.sha256))}"


def part(text):
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class Stack:
    """A running stack; it ends with the `with` block."""

    def __init__(self, folder, **more):
        self.log = open(folder / ("-".join(["stack", *more]) + ".log"), "w")
        ports = [word for port in ("--http-port", "--websocket-port", "--aws-port") for word in (port, "0")]
        parameters = [word for pair in (PARAMETERS | more).items() for word in ("--parameter", "=".join(pair))]
        self.process = subprocess.Popen(
            [BINARY, "--json", "--no-build", *ports, *parameters], cwd=ROOT, stdout=subprocess.PIPE, stderr=self.log, text=True
        )

    def __enter__(self):
        ready = self.process.stdout.readline()
        if not ready:
            self.__exit__()
            sys.exit(f"The local stack does not start; see {self.log.name}.")
        addresses = json.loads(ready)
        self.http, self.websocket, self.aws = (addresses[name] for name in ("http", "websocket", "aws"))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()

    @contextlib.contextmanager
    def faults(self, *rules):
        """Has these calls go wrong, in the words of local/README.md, until the block ends."""
        for rule in rules:
            requests.post(f"{self.aws}/_local/faults", json={"times": 0} | rule, headers=CONTROL).raise_for_status()
        try:
            yield
        finally:
            requests.delete(f"{self.aws}/_local/faults", headers=CONTROL).raise_for_status()

    def call(self, method, path, token, **request):
        """A call that has to succeed."""
        answer = requests.request(method, self.http + path, headers={"Authorization": f"Bearer {token}"}, **request)
        answer.raise_for_status()
        return answer.json()

    def use_up(self, sub):
        """Has a user's allowance be used up, and something of it be left again in a minute."""
        table = next(name for name in self.dynamodb("ListTables")["TableNames"] if "Once" in name)
        paid_at = str(int((time.time() + 3660) * 1000))
        self.dynamodb("PutItem", TableName=table, Item={"key": {"S": f"allowance#{sub}"}, "paid_at": {"N": paid_at}})

    def dynamodb(self, operation, **body):
        """An operation on the tables. Signatures are not verified; the key only has to be none of a function's."""
        scope = "operator/20260101/us-east-1/dynamodb/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260101T000000Z",
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
        }
        answer = requests.post(self.aws, json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()
