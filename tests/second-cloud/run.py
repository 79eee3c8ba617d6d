#!/usr/bin/env python3
"""Deploys the bundle with the SAM CLI onto an AWS emulator that others wrote, and runs the wire tests there.

    pip install --requirement .ci/requirements.txt
    sam build --parameter-overrides Architecture=x86_64      # or arm64: this machine's
    python3 tests/second-cloud/run.py

Then a second deployment with a changed parameter, and a deletion, which keeps the tables. What is found on the way is
told on standard output; anything unexpected ends it with a 1.
"""

import os
import pathlib
import platform
import re
import subprocess
import sys
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".aws-sam/build"
FOLDER = ROOT / "target/second-cloud"
STACK = "tidings-second-cloud"
TABLES = ("Subscribers", "Notifications", "Once")
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

try:
    import boto3
    from adapt import adapt, complete
except ImportError as missing:
    sys.exit(f"{missing}. Run: pip install --requirement .ci/requirements.txt")
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
        self.environment = os.environ | KEYS | {"AWS_ENDPOINT_URL": emulator.url, "SAM_CLI_TELEMETRY": "0"}
        session = boto3.Session("test", "test", region_name="us-east-1")
        self.log = open(FOLDER / "sam.log", "w")
        self.client = lambda service: session.client(service, endpoint_url=emulator.url)

    def sam(self, *arguments):
        # Not in the project's folder, whose samconfig.toml is for people's own deployments.
        done = subprocess.run(["sam", *arguments], cwd=FOLDER, env=self.environment, stdout=self.log, stderr=self.log)
        if done.returncode:
            sys.exit(f"sam {arguments[0]} failed:\n" + pathlib.Path(self.log.name).read_text()[-5000:])

    def deploy(self, **parameters):
        adapted = BUILD / "second-cloud.yaml"
        left_out = adapt(BUILD / "template.yaml", adapted, self.emulator.url)
        parameters |= {"Stage": "second", "Architecture": ARCHITECTURE}
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        self.sam(
            "deploy", "--template-file", adapted, "--stack-name", STACK, "--resolve-s3", "--no-confirm-changeset",
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

    def variables(self, function):
        configuration = self.client("lambda").get_function_configuration(FunctionName=self.resources[function])
        return configuration["Environment"]["Variables"]

    def logged(self):
        """All that the functions and APIs logged."""
        logs = self.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        events = [event for group in groups for event in logs.filter_log_events(logGroupName=group)["events"]]
        return groups, [event["message"] for event in events]


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
        "TIDINGS_EMULATOR_PID": str(deployment.emulator.process.pid),
        "TIDINGS_MARK": uuid.uuid4().hex[:8],
        "AWS_ENDPOINT_URL": deployment.emulator.url,
    }


def change(deployment, target):
    say("Deploying with a changed parameter")
    before = {name: deployment.resources[name] for name in TABLES}
    deployment.deploy(RetentionDays="9")
    check("RETENTION_DAYS is 9", deployment.variables("Send")["RETENTION_DAYS"] == "9")
    check("the secret is the same", deployment.secret() == target["TIDINGS_SECRET"])
    check("the tables are the same", {name: deployment.resources[name] for name in TABLES} == before)
    rows = deployment.client("dynamodb").scan(TableName=before["Notifications"])["Items"]
    check("they hold what they held", rows)
    check("a notification reaches two devices", works(target))


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


def search(deployment, target, new):
    say("Searching the logs")
    groups, lines = deployment.logged()
    check(f"{len(lines)} lines in {len(groups)} log groups", lines)
    secrets = "|".join(map(re.escape, (target["TIDINGS_SECRET"], new)))
    for what, pattern in {"token": "eyJ", "secret": secrets, "name or body": target["TIDINGS_MARK"]}.items():
        check(f"no {what} in them", not any(re.search(pattern, line) for line in lines))


def delete(deployment):
    say("Deleting")
    deployment.sam("delete", "--stack-name", STACK, "--no-prompts", "--region", "us-east-1")
    left = deployment.client("dynamodb").list_tables()["TableNames"]
    check("the tables are left", {deployment.resources[name] for name in TABLES} <= set(left))
    check("the functions are not", not deployment.client("lambda").list_functions()["Functions"])
    check("the APIs are not", not deployment.client("apigatewayv2").get_apis()["Items"])


def main():
    if not (BUILD / "template.yaml").exists():
        sys.exit(f"There is no .aws-sam/build. Run: sam build --parameter-overrides Architecture={ARCHITECTURE}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Emulator(FOLDER) as emulator:
        deployment = Deployment(emulator)
        target = start(deployment)
        say("Testing")
        test(target)
        change(deployment, target)
        new = rotate(deployment, target)
        search(deployment, target, new)
        delete(deployment)


if __name__ == "__main__":
    main()
