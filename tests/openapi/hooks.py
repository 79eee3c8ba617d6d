"""The parts of the API that schemathesis cannot read from the document: formats, rules beyond JSON Schema, two more checks."""

import datetime
import os
import re
import urllib.parse
import uuid

import schemathesis
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

CHANNEL = r"[a-z][a-z0-9_-]{0,31}:[A-Za-z0-9._~@|+=-]{1,180}"
SEQ = st.integers(0, 2**53 - 1)
# Named as docs/reference/tokens.md says.
USERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=15).map(
    lambda sub: urllib.parse.quote(sub, safe="@|+=").replace("%", "!")
)
# Some have something in them, so that what comes back is not always empty.
CHANNELS = (
    st.sampled_from(["user:alice", "topic:news", "topic:rare"])
    | st.from_regex(CHANNEL, fullmatch=True)
    | USERS.map("user:{}".format)
)
NOW = datetime.datetime.now(datetime.timezone.utc)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)))


def span(count, unit):
    # Never more than a year in seconds, so that it is a good one wherever a span may stand.
    most = {"s": 31_536_000, "m": 525_600, "h": 8_760, "d": 365, "w": 52}[unit]
    return f"{min(count, most)}{unit}"


def moment(seconds, offset):
    return (NOW + datetime.timedelta(seconds=seconds)).astimezone(offset).isoformat()


schemathesis.openapi.format("channel", CHANNELS)
schemathesis.openapi.format(
    "cursor",
    CHANNELS | st.builds("{}:{}{}".format, CHANNELS, SEQ | st.integers(0, 9), st.sampled_from(["", ".0", ".00"])),
)
schemathesis.openapi.format("user", USERS)
schemathesis.openapi.format(
    "span",
    st.builds(span, st.integers(1, 40_000_000), st.sampled_from("smhdw"))
    | st.sampled_from(["1h 30m", "PT1H30M", "P1D"]),
)
# What is answered, such as when a series fires, is asked with in turn: it may not lie a year ahead either.
schemathesis.openapi.format("date-time", st.builds(moment, st.integers(-(10**9), 300 * 86_400), OFFSETS))
schemathesis.openapi.format(
    "cron", st.sampled_from(["0 9 * * MON", "*/5 * * * *", "0 0 1 * *", "@daily", "30 2 L * ?"])
)
schemathesis.openapi.format(
    "time-zone", st.sampled_from(["UTC", "Europe/Paris", "America/Argentina/Ushuaia", "Etc/GMT+5"])
)
schemathesis.openapi.format("public-url", st.from_regex(r"https://[a-z]{1,20}\.example\.(com|net)(/[a-z0-9]{0,9})?", fullmatch=True))
schemathesis.openapi.format("mail-address", st.from_regex(r"[a-z]{1,9}([.+][a-z]{1,9})?@[a-z]{1,9}\.example\.(com|net)", fullmatch=True))
# Not each text of that form is a point of the curve.
schemathesis.openapi.format(
    "p256dh",
    st.sampled_from(
        [
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8=",
        ]
    ),
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Follows the rules that the document has in words only."""
    if has_good_headers(case) and "Idempotency-Key" in case.headers:
        # One that was used before would have all else refused, whether it is right or wrong.
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.operation.label == "POST /v1/notifications" and case.body.get("store") is False:
        case.headers.pop("Idempotency-Key", None)
    if case.operation.label == "POST /v1/channels/{channel}/endpoints":
        # An owner has ten in a channel.
        case.path_parameters["channel"] = f"topic:{uuid.uuid4().hex}"
        if case.body["kind"] == "mobile_push":
            # The stack has it off.
            case.body = {"kind": "sms", "phone": "+4915112345678"}
    if case.operation.label == "GET /v1/notifications":
        one_cursor_a_channel(case.query)
        # A channel in which there is something is answered at once, however long the poll would wait.
        if case.query.get("wait"):
            case.query["channel"] = ["topic:news"]


def has_good_headers(case):
    headers = case.meta and case.meta.components.get(ParameterLocation.HEADER)
    return headers is None or headers.mode.is_positive


def one_cursor_a_channel(query):
    # What a link hands on is a text.
    asked = [query["channel"]] if isinstance(query["channel"], str) else query["channel"]
    cursors = {":".join(cursor.split(":")[:2]): cursor for cursor in asked}
    query["channel"] = list(cursors.values())


@schemathesis.check
def unrouted(ctx, response, case):
    """A method that a path does not have is answered as a path that is not there."""
    declared = {method.upper() for method in case.operation.schema[case.operation.path]}
    if response.request.method in declared or response.request.method == "HEAD":
        return
    answer = (response.status_code, response.json())
    assert answer == (404, {"message": "Not Found"}), f"{response.request.method} is answered {answer}"


@schemathesis.check
def problem_headers(ctx, response, case):
    """A problem's status is its own, its type is its code's, and a 429 or a 503 says when to come back."""
    if not "".join(response.headers.get("content-type", [])).startswith("application/problem+json"):
        return
    problem = response.json()
    assert problem["status"] == response.status_code
    assert problem["type"] == f"urn:tidings:problem:{problem['code']}"
    assert response.status_code not in (429, 503) or "retry-after" in response.headers, "a 429 or 503 without Retry-After"


@schemathesis.hook
def after_call(context, case, response):
    """Notes each kind of answer, for run.py to hold against those that are documented."""
    line = f"{case.operation.definition.raw['operationId']} {response.status_code} {code(response)}\n"
    if line not in NOTED and response.request.method == case.operation.method.upper():
        NOTED.add(line)
        with open(os.environ["TIDINGS_ANSWERS"], "a") as answers:
            answers.write(line)


NOTED = set()


def code(response):
    """The problem's code; `gateway` where the gateway answers by itself."""
    kind = re.sub(";.*", "", "".join(response.headers.get("content-type", [])))
    if kind == "application/problem+json":
        return response.json()["code"]
    return "gateway" if kind == "application/json" and response.status_code >= 400 else "-"
