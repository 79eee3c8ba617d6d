#!/usr/bin/env python3
"""Builds the bundle, deploys it with the SAM CLI onto an AWS emulator that others wrote, and runs the wire tests there.

    pip install --require-hashes --no-deps --requirement .ci/requirements.txt
    python3 tests/second-cloud/run.py

Then a second deployment with a changed parameter, a restoration from a backup, a rotation of the secret, a search of the
logs, a role without its policy, and a deletion, which keeps the tables and the secret. It prints each step on
standard output; anything unexpected ends it with a 1.
"""

import datetime
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam/build"
FOLDER = ROOT / "target/second-cloud"
SAID = FOLDER / "said.txt"
STACK = "tidings-second-cloud"
TABLES = ("Subscribers", "Notifications", "Once", "Schedule")
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

try:
    import boto3
    from adapt import adapt, complete
except ImportError as missing:
    sys.exit(f"{missing}. Run: pip install --require-hashes --no-deps --requirement .ci/requirements.txt")
if not shutil.which("sam"):
    sys.exit("The program sam is not in the PATH; is the environment that has it active?")
from emulator import Emulator
from wire import test, works


def say(text):
    print(text, flush=True)


def check(what, holds):
    if not holds:
        sys.exit(f"Not so: {what}")
    say(f"  {what}")


class Deployment:
    """The bundle on the emulator."""

    def __init__(self, emulator):
        self.emulator = emulator
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = others | KEYS | {"AWS_ENDPOINT_URL": emulator.url, "SAM_CLI_TELEMETRY": "0"}
        session = boto3.Session("test", "test", region_name="us-east-1")
        self.log = open(FOLDER / "sam.log", "w")
        self.client = lambda service: session.client(service, endpoint_url=emulator.url)

    def fails(self, *command):
        # Not in the project's folder, whose samconfig.toml is for people's own deployments.
        done = subprocess.run(command, cwd=FOLDER, env=self.environment, stdout=self.log, stderr=self.log)
        return done.returncode != 0

    def run(self, *command):
        if self.fails(*command):
            sys.exit(f"{command[:3]} failed:\n" + pathlib.Path(self.log.name).read_text()[-5000:])

    def deploy(self, **parameters):
        adapted = BUILD / "second-cloud.yaml"
        left_out = adapt(BUILD / "template.yaml", adapted, self.emulator.url)
        parameters |= {"Stage": "second", "Architecture": ARCHITECTURE}
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        self.run(
            "sam", "deploy", "--template-file", adapted, "--stack-name", STACK, "--resolve-s3", "--no-confirm-changeset",
            "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", *overrides,
        )  # fmt: skip
        cloudformation = self.client("cloudformation")
        resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        self.resources = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        return left_out

    def outputs(self):
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def secret(self):
        return self.client("secretsmanager").get_secret_value(SecretId=self.outputs()["TokenSecretArn"])["SecretString"]

    def address(self, scheme, api, stage=""):
        return f"{self.emulator.url}/_aws/execute-api/{self.resources[api]}{stage}".replace("http", scheme, 1)

    def rows(self, table):
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=self.resources[table])
        return [row for page in pages for row in page["Items"]]

    def is_whole(self, table):
        """Whether a table has what the template gives it, and a restoration does not."""
        name, dynamodb = self.resources[table], self.client("dynamodb")
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        expiry = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return (
            dynamodb.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"]
            and backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
            and (expiry["TimeToLiveStatus"], expiry["AttributeName"]) == ("ENABLED", "expires_at")
        )

    def variables(self, function):
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.resources[function])
        return configuration["Environment"]["Variables"]

    def logged(self):
        """All that the functions logged."""
        logs = self.client("logs")
        lines = []
        for group in logs.describe_log_groups()["logGroups"]:
            events = events_of(logs, group["logGroupName"])
            say(f"  {len(events)} lines in {group['logGroupName']}")
            lines += [event["message"] for event in events]
        return lines


def events_of(logs, group):
    """All events of a log group. The emulator gives the first 10,000 from a moment on, and does not say that there are more."""
    events, since = [], 0
    while True:
        page = logs.filter_log_events(logGroupName=group, startTime=since)["events"]
        if len(page) < 10_000:
            return events + page
        # The next page begins with the events of the last moment, so they are left out of this one.
        since = page[-1]["timestamp"]
        before = [event for event in page if event["timestamp"] < since]
        check(f"no 10,000 lines at once in {group}", before)
        events += before


def start(deployment):
    """Deploys, and gives what the wire tests need to know."""
    say("Deploying")
    left_out = deployment.deploy()
    complete(left_out, deployment.resources, deployment.client("apigatewayv2"))
    return KEYS | {
        "TIDINGS_HTTP": deployment.address("http", "HttpApi"),
        "TIDINGS_WEBSOCKET": deployment.address("ws", "WebSocketApi", "/second"),
        "TIDINGS_SECRET": deployment.secret(),
        "TIDINGS_SUBSCRIBERS_TABLE": deployment.resources["Subscribers"],
        "TIDINGS_INBOUND_TOPIC": deployment.resources["Inbound"],
        "TIDINGS_EMULATOR_PID": str(deployment.emulator.process.pid),
        "TIDINGS_MARK": uuid.uuid4().hex[:8],
        "TIDINGS_SAID": str(SAID),
        "AWS_ENDPOINT_URL": deployment.emulator.url,
    }


def change(deployment, target):
    say("Deploying with a changed parameter")
    before = {name: deployment.resources[name] for name in TABLES}
    deployment.deploy(RetentionDays="9")
    check("RETENTION_DAYS is 9", deployment.variables("Send")["RETENTION_DAYS"] == "9")
    check("the secret is the same", deployment.secret() == target["TIDINGS_SECRET"])
    check("the tables are the same", {name: deployment.resources[name] for name in TABLES} == before)
    check("they hold what they held", deployment.rows("Notifications"))
    check("notifications reach who subscribes", works(target))


def restore(deployment, target):
    """As docs/operations/restore.md says."""
    say("Restoring from a backup")
    restoring = [sys.executable, ROOT / "ops/restore.py", STACK]
    before, moment = len(deployment.rows("Notifications")), now()
    deployment.run(*restoring, moment)
    deployment.run(*restoring, moment)
    check("the rows are back, and a second call changes nothing", len(deployment.rows("Notifications")) == before)
    tables = deployment.client("dynamodb").list_tables()["TableNames"]
    check("no other table is left", sorted(tables) == sorted(deployment.resources[name] for name in TABLES))
    check("protection, recovery and expiry are on again", all(map(deployment.is_whole, ("Notifications", "Once"))))
    check("nobody can send yet", not works(target))
    check("nor resume yet", deployment.fails(*restoring, "--resume"))
    deployment.deploy(RetentionDays="9", RestoredAt=now())
    deployment.run(*restoring, "--resume")
    check("notifications reach who subscribes", works(target))
    check("logs begin at the present time", any(int(row["seq"]["N"]) > 1e12 for row in deployment.rows("Notifications")))


def now():
    return f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def rotate(deployment, target):
    """Puts a new secret in the place of the old one, and gives it."""
    say("Rotating the secret")
    new = uuid.uuid4().hex * 2
    arn = deployment.outputs()["TokenSecretArn"]
    deployment.client("secretsmanager").put_secret_value(SecretId=arn, SecretString=new)
    # At once, but for a function that has refused a token in the last minute, as the tests before made them do.
    rotated = target | {"TIDINGS_SECRET": new}
    check("the new one's tokens work within a minute", any(works(rotated) or time.sleep(5) for _ in range(12)))
    check("the previous one's still do", works(target))
    return new


def search(deployment, new):
    say("Searching the logs")
    lines = deployment.logged()
    check("the functions logged what they refused", any("refused a connection" in line for line in lines))
    is_error = [line for line in lines if "ERROR" in line and "Unauthorized" in line]
    check("no stranger made an error", not is_error)
    said = set(SAID.read_text().splitlines()) | {new, "eyJ"}
    for line in lines:
        plain = line.replace('\\"', '"')
        leak = next((text for text in said if text in plain), None)
        if leak:
            sys.exit(f"A log line has what a caller said, {leak}: {line}")
    check(f"none of {len(said)} tokens, secrets, names, texts and addresses is in them", len(said) > 500)


def forbid(deployment, target):
    """Shows that it is the roles that let functions do what they do here."""
    say("Taking a role's policy away")
    deployment.client("iam").delete_role_policy(RoleName=deployment.resources["SendRole"], PolicyName="send")
    check("Send can do nothing", not works(target))


def delete(deployment):
    say("Deleting")
    deployment.run("sam", "delete", "--stack-name", STACK, "--no-prompts", "--region", "us-east-1")
    left = deployment.client("dynamodb").list_tables()["TableNames"]
    check("the tables are left", {deployment.resources[name] for name in TABLES} <= set(left))
    secrets = deployment.client("secretsmanager").list_secrets()["SecretList"]
    check("the secrets are left", len(secrets) == 2)
    check("the functions are not", not deployment.client("lambda").list_functions()["Functions"])
    check("the APIs are not", not deployment.client("apigatewayv2").get_apis()["Items"])


def main():
    # Else what was started would go on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say("Building (ten minutes or so the first time)")
    subprocess.run(["sam", "build", "--parameter-overrides", f"Architecture={ARCHITECTURE}"], check=True, cwd=ROOT)
    FOLDER.mkdir(parents=True, exist_ok=True)
    SAID.unlink(missing_ok=True)
    with Emulator(FOLDER) as emulator:
        deployment = Deployment(emulator)
        target = start(deployment)
        say("Testing")
        test(target)
        change(deployment, target)
        restore(deployment, target)
        new = rotate(deployment, target)
        search(deployment, new)
        forbid(deployment, target)
        delete(deployment)


if __name__ == "__main__":
    main()
