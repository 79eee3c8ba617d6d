"""Provokes each answer of the HTTP API that openapi.yaml names, and holds it against the document."""

import concurrent.futures
import contextlib
import http.server
import json
import threading
import time

import schemathesis
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from hooks import code, problem_headers
from stack import PARAMETERS, RECEIVER, token

PUBLISHER = {"sub": "publisher", "publish": ["*"], "subscribe": ["*", "user:*"]}
NOWHERE = {"channel": "topic:answers", "id": "0123456789abcdef0123456789abcdef0"}
# Nobody listens there.
NOBODY = "http://127.0.0.1:9/hook"
PHONE = {"kind": "sms", "phone": "+4915112345678"}
# A request of each operation that is as it has to be.
GOOD = {
    "sendNotification": {"body": {"to": "topic:answers", "body": "x"}},
    "readNotifications": {"query": {"channel": ["topic:answers"]}},
    "getNotification": {"path_parameters": {"id": "01aaa50d-b2c0-7d21-8f9e-2b6c1d0e9f80"}},
    "cancelNotification": {"path_parameters": {"id": "01aaa50d-b2c0-7d21-8f9e-2b6c1d0e9f80"}},
    "getChannel": {"path_parameters": {"channel": "topic:answers"}},
    "markRead": {"path_parameters": {"channel": "user:publisher"}, "body": {"seq": 1}},
    "addEndpoint": {"path_parameters": {"channel": "topic:quiet"}, "body": PHONE},
    "listEndpoints": {"path_parameters": {"channel": "topic:quiet"}},
    "getEndpoint": {"path_parameters": NOWHERE},
    "removeEndpoint": {"path_parameters": NOWHERE},
    "rotateEndpoint": {"path_parameters": NOWHERE},
    "replayEndpoint": {"path_parameters": NOWHERE, "body": {"seq": 1}},
    "cutConnections": {"path_parameters": {"sub": "publisher"}},
    "issueTicket": {},
    "getHealth": {},
    "getPage": {},
    "getAsset": {"path_parameters": {"file": "page.css"}},
}
OPEN = ("getHealth", "getPage", "getAsset")
# A user who may not do this to an endpoint does not learn that there is one.
HIDDEN = ("getEndpoint", "removeEndpoint", "rotateEndpoint", "replayEndpoint")
FUNCTIONS = {"readNotifications": "Poll", "getPage": "Page", "getAsset": "Page"}
# `channel_busy` takes a quarter of a minute of conflicts; the wire tests have it. Quotas and the gateway's own time
# limit are out of the local stack's reach.
NOT_TRIED = {("sendNotification", 503, "channel_busy")}
NOT_TRIED |= {(name, status, "gateway") for name in GOOD for status in (429, 503)}
MANY = [f"topic:{n}" for n in range(51)]
LONG = {"to": "topic:answers", "body": "x" * 40_000}
HUGE = "x" * (11 * 1024 * 1024)
DATABASE = [{"on": f"dynamodb.{operation}", "do": {"error": "AccessDeniedException"}}
            for operation in ("GetItem", "PutItem", "Query", "UpdateItem", "TransactWriteItems")]  # fmt: skip


class Answers:
    """Calls of the stack that are held against the document, and what came of them."""

    def __init__(self, stack, document):
        self.stack = stack
        schema = schemathesis.openapi.from_path(document.path)
        operations = [result.ok() for result in schema.get_all_operations()]
        self.operations = {operation.definition.raw["operationId"]: operation for operation in operations}
        self.document = document
        self.violations = []

    def call(self, name, claims=PUBLISHER, token=None, **request):
        """One call; parts of the request that are not given are good ones."""
        request = GOOD[name] | request
        headers = request.pop("headers", {})
        if claims or token:
            headers = {"Authorization": f"Bearer {token or sign(claims)}"} | headers
        case = self.operations[name].Case(media_type="application/json" if "body" in request else None, **request)
        response = case.call(base_url=self.stack.http, headers=headers)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as group:
            self.violations += [f"{name} {response.status_code}: {failure}" for failure in group.exceptions]
        return response

    def expect(self, status, reason, name, **request):
        """One call that has to be answered so."""
        response = self.call(name, **request)
        answer = (response.status_code, code(response))
        if answer != (status, reason):
            self.violations.append(f"{name} {request}: expected {status} {reason}, got {answer}: {response.text[:300]}")
        return response

    def documented(self):
        """Each answer that the document names: `(operation, status, code)`."""
        for name, operation in self.operations.items():
            for status, answer in operation.definition.raw["responses"].items():
                yield from ((name, int(status), each) for each in self.codes(int(status), answer))

    def codes(self, status, answer):
        """The codes of an answer, in the words of the hook `code`."""
        content = self.document.resolve(answer).get("content", {})
        if "application/problem+json" in content:
            narrowed = content["application/problem+json"]["schema"]["properties"]["code"]
            yield from narrowed.get("enum") or [narrowed["const"]]
        if "application/json" in content and status >= 400:
            yield "gateway"
        if status < 400:
            yield "-"


def sign(claims):
    return token(**claims)


CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    problem_headers,
]


def provoke(stack, document):
    answers = Answers(stack, document)
    good(answers)
    tokens(answers)
    refusals(answers)
    later(answers)
    endpoints(answers)
    kinds_of_endpoints(answers)
    long_polls(answers)
    allowances(answers)
    too_many_polls(answers)
    failures(answers)
    return answers


def good(answers):
    statuses = {"sendNotification": 202, "issueTicket": 201, "getNotification": 404, "cancelNotification": 404}
    statuses |= {"addEndpoint": 201} | dict.fromkeys(HIDDEN, 404)
    for name in answers.operations:
        status = statuses.get(name, 200)
        answers.expect(status, "not_found" if status == 404 else "-", name)
    tag = answers.call("getAsset").headers["etag"][0]
    answers.expect(304, "-", "getAsset", headers={"If-None-Match": f'"old", W/{tag}'})
    answers.expect(404, "not_found", "getAsset", path_parameters={"file": "index.html"})


def tokens(answers):
    """Callers with no token, a bad one, one that has ended, or one that does not allow it."""
    scheduled = answers.call("sendNotification", body={"to": "topic:answers", "body": "x", "delay": "1h"}).json()
    endpoint = answers.call("addEndpoint").json()
    for name in answers.operations.keys() - set(OPEN):
        answers.expect(401, "missing_token", name, claims=None)
        answers.expect(401, "invalid_token", name, token="no.good.token")
        answers.expect(401, "expired_token", name, claims=PUBLISHER | {"lasts": -60})
        request = {"claims": {"sub": "nobody"}}
        if name in HIDDEN:
            request["path_parameters"] = place(endpoint)
            answers.expect(404, "not_found", name, **request)
            continue
        if "id" in GOOD[name].get("path_parameters", {}):
            request["path_parameters"] = {"id": scheduled["id"]}
        if name == "issueTicket":
            request["claims"]["channels"] = ["user:alice"]
        answers.expect(403, "forbidden", name, **request)
    for name in ("rotateEndpoint", "replayEndpoint"):
        path = {"path_parameters": place(endpoint)}
        answers.expect(403, "forbidden", name, claims={"sub": PUBLISHER["sub"]}, **path)


def refusals(answers):
    invalid = "invalid_request"
    answers.expect(400, "invalid_json", "sendNotification", body=[1])
    answers.expect(400, invalid, "sendNotification", body={"to": "topic:answers", "body": "x", "colour": "red"})
    answers.expect(400, "too_many_channels", "sendNotification", body={"to": MANY, "body": "x"})
    answers.expect(400, "invalid_idempotency_key", "sendNotification", headers={"Idempotency-Key": "k" * 256})
    answers.expect(413, "notification_too_large", "sendNotification", body=LONG)
    answers.expect(202, "-", "sendNotification", headers={"Idempotency-Key": "once"})
    answers.expect(202, "-", "sendNotification", headers={"Idempotency-Key": "once"})
    other = {"to": "topic:other", "body": "x"}
    answers.expect(422, "idempotency_key_reused", "sendNotification", headers={"Idempotency-Key": "once"}, body=other)
    answers.expect(400, invalid, "readNotifications", query={"channel": ["topic:a"], "colour": "red"})
    answers.expect(400, invalid, "readNotifications", query={"channel": ["topic:a"], "wait": 26})
    answers.expect(400, "too_many_channels", "readNotifications", query={"channel": MANY[:11]})
    for name in ("getChannel", "markRead", "addEndpoint", "listEndpoints"):
        answers.expect(400, invalid, name, path_parameters={"channel": "no channel"})
    for name in HIDDEN:
        answers.expect(400, invalid, name, path_parameters=NOWHERE | {"channel": "no channel"})
    for name in ("addEndpoint", "rotateEndpoint", "replayEndpoint"):
        answers.expect(400, "invalid_json", name, body=[1])
        answers.expect(400, invalid, name, body={"colour": "red"})
        answers.expect(413, "gateway", name, body={"body": HUGE})
        answers.expect(413, "body_too_large", name, body=LONG)
    answers.expect(400, invalid, "cutConnections", path_parameters={"sub": "no user"})
    answers.expect(400, "invalid_json", "markRead", body=[1])
    answers.expect(201, "-", "issueTicket", body={})
    answers.expect(400, "invalid_json", "issueTicket", body=[1])
    answers.expect(400, invalid, "issueTicket", body={"sub": "bob"})
    crowd = {"sub": "bob", "subscribe": ["topic:*"], "channels": MANY}
    answers.expect(400, "too_many_subscriptions", "issueTicket", claims=crowd)
    for name in ("markRead", "issueTicket"):
        answers.expect(413, "body_too_large", name, body=LONG)
    for name in ("sendNotification", "markRead", "issueTicket"):
        answers.expect(413, "gateway", name, body={"body": HUGE})


def later(answers):
    """Scheduled notifications and a series, through all their states; the key's second answer among it."""
    soon = {
        "body": {"to": ["topic:answers", "user:bob"], "body": "x", "delay": "1s"},
        "headers": {"Idempotency-Key": "soon"},
    }
    path = {"path_parameters": {"id": answers.expect(202, "-", "sendNotification", **soon).json()["id"]}}
    for _ in range(200):
        if answers.call("getNotification", **path).json()["state"] == "sent":
            break
        time.sleep(0.1)
    answers.expect(409, "already_sent", "cancelNotification", **path)
    answers.expect(202, "-", "sendNotification", **soon)
    series = {"to": "topic:answers", "body": "x", "repeat": "0 9 * * MON", "time_zone": "Europe/Paris"}
    for body in (series, {"to": "topic:answers", "body": "x", "delay": "1h"}):
        path = {"path_parameters": {"id": answers.call("sendNotification", body=body).json()["id"]}}
        answers.expect(200, "-", "getNotification", **path)
        for _ in range(2):
            cancelled = answers.expect(200, "-", "cancelNotification", **path).json()
            if (cancelled["state"], answers.call("getNotification", **path).json()["state"]) != (
                "cancelled",
                "cancelled",
            ):
                answers.violations.append(f"cancelled, but {cancelled}")


def endpoints(answers):
    """Endpoints and their deliveries, through all their states."""
    with receiver() as url:
        webhook = {"kind": "webhook", "url": url, "min_priority": "normal", "only_when_offline": True}
        added = answers.expect(201, "-", "addEndpoint", path_parameters={"channel": "topic:answers"}, body=webhook).json()
        path = {"path_parameters": place(added)}
        for expected in (500, 200):
            answers.call("sendNotification")
            attempts(answers, path, lambda last: last["status"] == expected)
            answers.expect(200, "-", "listEndpoints", path_parameters={"channel": "topic:answers"})
    answers.call("sendNotification")
    attempts(answers, path, lambda last: last.get("reason") == "connection_refused")
    answers.expect(202, "-", "replayEndpoint", **path)
    answers.expect(200, "-", "rotateEndpoint", **path)
    # Both have seen the same secret before one of them changes it.
    with answers.stack.faults({"on": "dynamodb.UpdateItem", "function": "Send", "do": {"delay_ms": 1000}}):
        with concurrent.futures.ThreadPoolExecutor() as both:
            done = [each.result() for each in [both.submit(answers.call, "rotateEndpoint", **path) for _ in range(2)]]
    if sorted(answer.status_code for answer in done) != [200, 409]:
        answers.violations.append(f"two rotations at once: {[answer.text for answer in done]}")
    replays(answers)
    answers.expect(204, "-", "removeEndpoint", **path)
    answers.expect(404, "not_found", "getEndpoint", **path)


def replays(answers):
    """One more than a user has on a day who may not publish."""
    eve = {"sub": "eve"}
    added = answers.call("addEndpoint", claims=eve, path_parameters={"channel": "user:eve"})
    path = {"path_parameters": place(added.json()), "claims": eve}
    for _ in range(50):
        answers.expect(202, "-", "replayEndpoint", **path)
    answers.expect(429, "too_many_replays", "replayEndpoint", **path)


def challenges(stack, document):
    """Webhooks whose servers are asked first, and one failed challenge more than a user has on a day."""
    answers = Answers(stack, document)
    where = {"path_parameters": {"channel": "topic:asked"}}
    with receiver() as url:
        body = {"kind": "webhook", "url": url}
        answers.expect(400, "challenge_failed", "addEndpoint", body=body, **where)
        answers.expect(201, "-", "addEndpoint", body=body, **where)
    for _ in range(49):
        answers.expect(400, "challenge_failed", "addEndpoint", body={"kind": "webhook", "url": NOBODY}, **where)
    answers.expect(429, "too_many_challenges", "addEndpoint", body={"kind": "webhook", "url": NOBODY}, **where)
    return answers.violations


def kinds_of_endpoints(answers):
    """Each kind; the one that is off; and more than an owner may have."""
    keys = {"p256dh": PARAMETERS["VapidPublicKey"], "auth": "BTBZMqHH6r4Tts7J_aSIgg"}
    target = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/shop/5e3e9847-3183-3f18-a7e8-671c3a57d4b3"
    where = {"path_parameters": {"channel": "topic:kinds"}}
    for body in (
        {"kind": "web_push", "subscription": {"endpoint": "http://127.0.0.1:9/s", "keys": keys}},
        {"kind": "email", "address": "alice@example.com"},
        PHONE,
    ):
        path = {"path_parameters": place(answers.expect(201, "-", "addEndpoint", body=body, **where).json())}
        answers.call("sendNotification", body={"to": "topic:kinds", "data": 1})
        attempts(answers, path, lambda last: last["outcome"] in ("failed", "nothing_to_send"))
        answers.expect(400, "invalid_request", "rotateEndpoint", **path)
    answers.expect(400, "kind_off", "addEndpoint", body={"kind": "mobile_push", "target_arn": target}, **where)
    webhooks = [{"kind": "webhook", "url": f"https://hooks.example.com/{n}"} for n in range(7)]
    # What is added again is replaced.
    for body in [*webhooks, webhooks[0], PHONE]:
        answers.expect(201, "-", "addEndpoint", body=body, **where)
    eleventh = {"kind": "webhook", "url": "https://hooks.example.com/eleventh"}
    answers.expect(400, "too_many_endpoints", "addEndpoint", body=eleventh, **where)


def place(endpoint):
    return {"channel": endpoint["channel"], "id": endpoint["id"]}


def attempts(answers, path, is_so):
    """Waits until the last attempt is so."""
    for _ in range(200):
        last = answers.expect(200, "-", "getEndpoint", **path).json()["attempts"][:1]
        if last and is_so(last[0]):
            return
        time.sleep(0.1)
    answers.violations.append(f"the last attempt at an endpoint stays {last}")


@contextlib.contextmanager
def receiver():
    """A receiver of webhooks that fails once, and repeats challenges; gives its URL."""
    statuses = [500]

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(statuses.pop() if statuses else 200)
            self.end_headers()
            self.wfile.write(request.get("challenge", "so it is").encode())

        def log_request(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", RECEIVER), Receiver) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def long_polls(answers):
    """One that is woken, and one that its token ends; neither is to last as long as it may."""
    waiting = {"query": {"channel": ["topic:quiet:0"], "wait": 25}}
    began = time.monotonic()
    ended = answers.expect(200, "-", "readNotifications", claims=PUBLISHER | {"lasts": 3}, **waiting).json()
    timer = threading.Timer(1, answers.call, ["sendNotification"], {"body": {"to": "topic:quiet", "body": "x"}})
    timer.start()
    woken = answers.expect(200, "-", "readNotifications", **waiting).json()
    timer.join()
    items = [len(answer["channels"][0]["items"]) for answer in (ended, woken)]
    if items != [0, 1] or time.monotonic() - began > 20:
        answers.violations.append(f"long polls: {items} items in {time.monotonic() - began:.0f} s")


def allowances(answers):
    """Who has had as much read as one user may."""
    answers.stack.use_up("ruth")
    inbox = {"path_parameters": {"channel": "user:ruth"}}
    for name, where in (
        ("readNotifications", {"query": {"channel": ["user:ruth"]}}),
        ("getChannel", inbox),
        ("markRead", inbox),
    ):
        answers.expect(429, "too_many_replays", name, claims={"sub": "ruth"}, **where)


def too_many_polls(answers):
    """One more than may wait of a user."""
    waiting = {"query": {"channel": ["user:zoe:0"], "wait": 2}, "claims": {"sub": "zoe"}}
    with concurrent.futures.ThreadPoolExecutor() as four:
        begun = [four.submit(answers.call, "readNotifications", **waiting) for _ in range(4)]
        statuses = sorted(each.result().status_code for each in begun)
    if statuses != [200, 200, 200, 429]:
        answers.violations.append(f"four long polls at once: {statuses}")


def failures(answers):
    """DynamoDB fails, and then the functions themselves do."""
    with answers.stack.faults(*DATABASE):
        for name in answers.operations.keys() - set(OPEN):
            answers.expect(503, "unavailable", name)
    for name in answers.operations:
        function = FUNCTIONS.get(name, "Send")
        with answers.stack.faults({"on": f"invoke.{function}", "do": {"error": "Function.Failed"}}):
            answers.expect(500, "gateway", name)
