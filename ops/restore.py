#!/usr/bin/env python3
"""Restores the tables Notifications and Once of a stack to a moment of the last 35 days.

    python3 ops/restore.py tidings-prod 2026-11-22T10:00:00Z

The table Schedule stays as it is: notifications that it marks as sent are not sent again, though a log may have lost them.

Meanwhile Send, Message, Poll, Ingest, Sweeper, Deliver, Attempt and Share are paused. Sending, reading and catching up get errors, and
clients try again later. Due notifications and deliveries to endpoints wait; published messages wait up to six hours. DynamoDB restores a
table only under another name, so each table goes there, into a backup, and back. The script deletes no table before a backup of its
replacement is available. If it stops, call it again with the same moment: it continues from there.

At its end it prints the RestoredAt to deploy with. After that deployment, resume the stack:

    python3 ops/restore.py tidings-prod --resume

Credentials and Region come from the environment.
"""

import argparse
import datetime
import sys
import time

import boto3
import botocore.exceptions

TABLES = ("Notifications", "Once")
# The functions that write to the logs. Deliver, Attempt and Share are paused by their mappings: otherwise their queues would count each
# throttled try. (Attempt and Share only read, and would drop notifications that they do not find.)
WRITERS = ("Send", "Message", "Ingest", "Deliver")
PAUSED = ("Send", "Message", "Poll", "Ingest", "Sweeper")
MAPPINGS = ("DueMapping", "EndpointsMapping", "SlowEndpointsMapping", "SharesMapping")
# The tag of a restored table; its value is the moment.
RESTORED = "restored"


def say(text):
    print(text, flush=True)


def until(condition):
    while not condition():
        time.sleep(5)


class Table:
    """One of the stack's tables, and the table of another name that it is first restored to."""

    def __init__(self, client, name, stack):
        self.client, self.name, self.stack = client, name, stack

    def described(self, name=None):
        """DynamoDB's description of a table; empty for one that does not exist (yet)."""
        try:
            return self.client.describe_table(TableName=name or self.name)["Table"]
        except self.client.exceptions.ResourceNotFoundException:
            return {}

    def is_active(self, name=None):
        return self.described(name).get("TableStatus") == "ACTIVE"

    def restored_as_of(self):
        """The moment that the table was last restored to, if ever."""
        arn = self.described().get("TableArn")
        tags = self.client.list_tags_of_resource(ResourceArn=arn)["Tags"] if arn else []
        return next((tag["Value"] for tag in tags if tag["Key"] == RESTORED), None)

    def check(self, moment):
        """Ends the script, before it changes anything, if the table cannot be restored to that moment."""
        if not self.described() or self.restored_as_of() == stamp(moment):
            return  # half-way, or done
        described = self.client.describe_continuous_backups(TableName=self.name)["ContinuousBackupsDescription"]
        recovery = described["PointInTimeRecoveryDescription"]
        earliest, latest = (recovery.get(f"{end}RestorableDateTime", moment) for end in ("Earliest", "Latest"))
        if not earliest <= moment <= latest:
            sys.exit(f"{self.name} can be restored to moments from {stamp(earliest)} to {stamp(latest)} only.")

    def restore(self, moment):
        if self.restored_as_of() == stamp(moment):
            return say(f"{self.name} is restored already")
        away = f"{self.name}-{moment:%Y%m%dT%H%M%SZ}"
        backup = self.backup_of(away, moment)
        if self.described():
            self.delete(self.name)
        say(f"{self.name}: restoring from {backup}")
        self.client.restore_table_from_backup(TargetTableName=self.name, BackupArn=backup, **self.key(away))
        until(self.is_active)
        self.configure(moment)
        self.delete(away)

    def backup_of(self, away, moment):
        """An available backup of the table as of that moment."""
        backups = self.client.list_backups(TableName=away)["BackupSummaries"]
        if not backups:
            if not self.described(away):
                say(f"{self.name}: restoring to {away}; this takes a quarter of an hour or more")
                self.client.restore_table_to_point_in_time(
                    SourceTableName=self.name, TargetTableName=away, RestoreDateTime=moment, **self.key(self.name)
                )
            until(lambda: self.is_active(away))
            backups = [self.client.create_backup(TableName=away, BackupName=away)["BackupDetails"]]
        arn = backups[0]["BackupArn"]
        describe = self.client.describe_backup
        until(lambda: describe(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE")
        return arn

    def key(self, source):
        """The operator's own key, if a table is encrypted with one."""
        arn = self.described(source).get("SSEDescription", {}).get("KMSMasterKeyArn")
        return {"SSESpecificationOverride": {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": arn}} if arn else {}

    def configure(self, moment):
        """Sets what a restored table lacks. The tag, which marks it as restored, comes last."""
        lives = self.client.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]["TimeToLiveStatus"]
        if lives not in ("ENABLED", "ENABLING"):
            ttl = {"Enabled": True, "AttributeName": "expires_at"}
            self.client.update_time_to_live(TableName=self.name, TimeToLiveSpecification=ttl)
        until(self.is_recoverable)
        self.client.update_table(TableName=self.name, DeletionProtectionEnabled=True)
        until(self.is_active)
        tags = {"application": "tidings", "stack": self.stack, RESTORED: stamp(moment)}
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.client.tag_resource(ResourceArn=self.described()["TableArn"], Tags=tags)

    def is_recoverable(self):
        """Turns recovery on; a very new table refuses it for a while."""
        specification = {"PointInTimeRecoveryEnabled": True}
        try:
            self.client.update_continuous_backups(
                TableName=self.name, PointInTimeRecoverySpecification=specification
            )
        except self.client.exceptions.ContinuousBackupsUnavailableException:
            return False
        return True

    def delete(self, name):
        if self.described(name).get("DeletionProtectionEnabled"):
            self.client.update_table(TableName=name, DeletionProtectionEnabled=False)
            until(lambda: self.is_active(name))
        if self.described(name):
            self.client.delete_table(TableName=name)
        until(lambda: not self.described(name))


class Stack:
    def __init__(self, name):
        self.name = name
        self.cloudformation = boto3.client("cloudformation")
        self.functions = boto3.client("lambda")
        dynamodb = boto3.client("dynamodb")
        self.tables = {logical: Table(dynamodb, self.physical(logical), name) for logical in TABLES}

    def physical(self, logical):
        resource = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical)
        return resource["StackResourceDetail"]["PhysicalResourceId"]

    def restore(self, moment):
        for table in self.tables.values():
            table.check(moment)
        for name in PAUSED:
            function = self.physical(name)
            self.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
        self.switch_mappings(False)
        say("Send, Message, Poll, Ingest, Sweeper, Deliver, Attempt and Share are paused; waiting for their invocations in progress")
        time.sleep(30)  # longer than an invocation that writes to the tables may take
        for table in self.tables.values():
            table.restore(moment)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        say(f"Done. Deploy with RestoredAt={stamp(now)}, then call this with --resume.")

    def switch_mappings(self, on):
        """Switches the event source mappings of Deliver, Attempt and Share on or off."""
        wanted = "Enabled" if on else "Disabled"
        for mapping in [self.physical(name) for name in MAPPINGS]:
            state = lambda: self.functions.get_event_source_mapping(UUID=mapping)["State"]
            if state() != wanted:
                self.functions.update_event_source_mapping(UUID=mapping, Enabled=on)
            until(lambda: state() == wanted)

    def resume(self):
        """Restores the functions' concurrency, provided that no log can continue where its backup ends."""
        if not all(table.is_active() for table in self.tables.values()):
            sys.exit("A table is missing or not ready. Call this with the moment again, to continue.")
        if len({table.restored_as_of() for table in self.tables.values()}) > 1:
            sys.exit("Only one of the tables is restored. Call this with the moment again, to continue.")
        notifications = self.tables["Notifications"]
        restored = notifications.restored_as_of() and notifications.described()["CreationDateTime"]
        for function in [self.physical(writer) for writer in WRITERS]:
            variables = self.functions.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
            if restored and not (variables["RESTORED_AT"] and parsed(variables["RESTORED_AT"]) >= restored):
                sys.exit(f"{function} does not know of the restoration: deploy with a RestoredAt after {stamp(restored)}.")
        stack = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        parameters = {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}
        for name in PAUSED:
            reserved = reserved_for(name, parameters)
            function = self.physical(name)
            if reserved:
                self.functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=reserved)
            else:
                self.functions.delete_function_concurrency(FunctionName=function)
        self.switch_mappings(True)
        say("Send, Message, Poll, Ingest, Sweeper, Deliver, Attempt and Share run again.")


def reserved_for(name, parameters):
    """The concurrent executions that template.yaml reserves for a function."""
    if name == "Sweeper":
        return 2 if parameters["ReserveDeliverConcurrency"] == "true" else 0
    if name == "Ingest":
        return 0
    return int(parameters["PollConcurrency" if name == "Poll" else "ReservedForRequests"])


def stamp(moment):
    return f"{moment.astimezone(datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def parsed(text):
    try:
        moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text} is not a moment such as 2026-11-22T10:00:00Z")
    return moment.astimezone(datetime.timezone.utc).replace(microsecond=0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("moment", nargs="?", type=parsed, help="such as 2026-11-22T10:00:00Z")
    parser.add_argument("--resume", action="store_true", help="let the functions run again, after the deployment")
    arguments = parser.parse_args()
    if arguments.resume == bool(arguments.moment):
        parser.error("give either a moment or --resume")
    try:
        stack = Stack(arguments.stack)
        if arguments.resume:
            stack.resume()
        else:
            stack.restore(arguments.moment)
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(f"It stopped: {error}\nFunctions may be paused. Repair the cause, and call this again, to continue.")


if __name__ == "__main__":
    main()
