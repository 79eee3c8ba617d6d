#!/usr/bin/env python3
"""Brings the tables Notifications and Once of a stack back to what they were at a moment of the last 35 days.

    python3 docs/restore.py tidings-prod 2026-11-22T10:00:00Z

Nobody can send meanwhile: publishers get errors, and send again later. A table can only be restored under another name, so
each goes there and back. When it is done it says with which RestoredAt to deploy; then call it with --resume, which lets
people send again. It stops at the first call that fails, and deletes no table of which it has no backup that is available.
Credentials and Region come from the environment.
"""

import argparse
import datetime
import time

import boto3

TABLES = ("Notifications", "Once")
WRITERS = ("Send", "Message")


class Stack:
    def __init__(self, name):
        self.name = name
        self.cloudformation = boto3.client("cloudformation")
        self.dynamodb = boto3.client("dynamodb")
        self.functions = boto3.client("lambda")

    def physical(self, logical):
        resource = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return resource["StackResourceDetail"]["PhysicalResourceId"]

    def parameter(self, name):
        stack = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        return next(p["ParameterValue"] for p in stack["Parameters"] if p["ParameterKey"] == name)

    def pause(self):
        for writer in WRITERS:
            function = self.physical(writer)
            self.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        say("Send and Message are paused; waiting for what they have begun")
        time.sleep(30)  # longer than their timeout

    def resume(self):
        """Gives the functions the concurrency that the stack says, once they know of the restoration."""
        reserved = int(self.parameter("ReservedConcurrency"))
        for writer in WRITERS:
            function = self.physical(writer)
            variables = self.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
            if not variables["RESTORED_AT"]:
                raise SystemExit(f"{writer} does not know of the restoration: deploy with RestoredAt first.")
            if reserved:
                self.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=reserved)
            else:
                self.functions.delete_function_concurrency(FunctionName=function)
        say("Send and Message run again")

    def restore(self, logical, moment):
        table, away = self.physical(logical), self.physical(logical) + "-restored"
        arn = self.dynamodb.describe_table(TableName=table)["Table"]["TableArn"]
        tags = self.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"]
        say(f"{logical}: restoring {table} as of {moment:%Y-%m-%dT%H:%M:%SZ}; this takes a quarter of an hour or more")
        self.dynamodb.restore_table_to_point_in_time(
            SourceTableName=table, TargetTableName=away, RestoreDateTime=moment
        )
        self.until_active(away)
        backup = self.dynamodb.create_backup(TableName=away, BackupName=away)["BackupDetails"]["BackupArn"]
        self.until(lambda: self.backup_status(backup) == "AVAILABLE")
        say(f"{logical}: backed up as {backup}; putting it in the table's place")
        self.delete(table)
        self.dynamodb.restore_table_from_backup(TargetTableName=table, BackupArn=backup)
        self.until_active(table)
        self.configure(table, arn, tags)
        self.delete(away)

    def configure(self, table, arn, tags):
        """What a restored table lacks."""
        ttl = {"Enabled": True, "AttributeName": "expires_at"}
        self.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=ttl)
        recovery = {"PointInTimeRecoveryEnabled": True}
        self.dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
        self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=True)
        self.until_active(table)
        own = [tag for tag in tags if not tag["Key"].startswith("aws:")]
        if own:
            self.dynamodb.tag_resource(ResourceArn=arn, Tags=own)

    def delete(self, table):
        self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        self.until_active(table)
        self.dynamodb.delete_table(TableName=table)
        self.dynamodb.get_waiter("table_not_exists").wait(TableName=table)

    def backup_status(self, backup):
        described = self.dynamodb.describe_backup(BackupArn=backup)["BackupDescription"]
        return described["BackupDetails"]["BackupStatus"]

    def until_active(self, table):
        self.until(lambda: self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE")

    def until(self, condition):
        while not condition():
            time.sleep(5)


def say(text):
    print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("moment", nargs="?", type=datetime.datetime.fromisoformat, help="such as 2026-11-22T10:00:00Z")
    parser.add_argument("--resume", action="store_true", help="let people send again, after the deployment")
    arguments = parser.parse_args()
    if arguments.resume == bool(arguments.moment):
        parser.error("give either a moment or --resume")
    stack = Stack(arguments.stack)
    if arguments.resume:
        return stack.resume()
    if arguments.moment.tzinfo is None:
        parser.error("say which time zone, such as Z")
    stack.pause()
    for table in TABLES:
        stack.restore(table, arguments.moment)
    now = datetime.datetime.now(datetime.timezone.utc)
    say(f"Done. Deploy with RestoredAt={now:%Y-%m-%dT%H:%M:%SZ}, then: docs/restore.py {arguments.stack} --resume")


if __name__ == "__main__":
    main()
