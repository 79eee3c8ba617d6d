"""Talks to the WebSocket API until each message of asyncapi.yaml has come, and holds each against its schema."""

import contextlib
import json
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from answers import DATABASE, MANY
from stack import token

ALICE = {"sub": "alice", "publish": ["*"], "subscribe": ["topic:*"], "channels": ["topic:joined"]}
# A quarter of a minute of conflicts, which the wire tests have; quotas, which the local stack has not; ten minutes
# without a word.
NOT_TRIED = {("code", "channel_busy"), ("handshake", 429), ("close", 1001)}
SECONDS = 20


class Conversation:
    """A conversation, and the parts of the document that occurred in it."""

    def __init__(self, stack, document):
        self.stack = stack
        self.document = document
        self.socket = document.content["channels"]["socket"]
        self.seen = set()

    def documented(self):
        yield from (("message", name) for name in self.socket["messages"])
        yield from (
            ("code", code) for code in self.document.content["components"]["schemas"]["Code"]["allOf"][1]["enum"]
        )
        yield from (("handshake", int(status)) for status in self.socket["x-handshake"] if status.isdigit())
        yield from (("close", int(code)) for code in self.socket["x-close-codes"])

    def open(self, claims=ALICE):
        """A socket, with its token among the subprotocols."""
        return Socket(self, subprotocols=["tidings", f"bearer.{token(**claims)}"])

    def refuse(self, status, query="", **handshake):
        """A handshake that has to fail so."""
        try:
            Socket(self, query, **handshake)
            self.document.complain(f"a handshake was to be refused with {status}")
        except InvalidStatus as refusal:
            response = refusal.response
            self.document.check(f"refusal {status}", json.loads(response.body), "/channels/socket/x-handshake/body")
            self.seen.add(("handshake", response.status_code))
            if response.status_code != status:
                self.document.complain(f"a handshake was refused with {response.status_code}, not with {status}")


class Socket:
    """A connection whose every frame is looked at."""

    def __init__(self, conversation, query="", **handshake):
        self.talk = conversation
        self.connection = connect(conversation.stack.websocket + query, proxy=None, close_timeout=5, **handshake)
        self.talk.seen.add(("handshake", 101))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def hear(self):
        """The next frame, by the name of its message."""
        frame = json.loads(self.connection.recv(timeout=SECONDS))
        name = {"read": "marked", None: "gatewayError"}.get(frame.get("type"), frame.get("type"))
        if name not in self.talk.socket["messages"]:
            self.talk.document.complain(f"no message is documented for {frame}")
        else:
            self.talk.document.check(f"{name} {frame}", frame, f"/components/messages/{name}/payload")
        self.talk.seen.add(("message", name))
        return name, frame

    def ask(self, frame, valid=True):
        """Sends a frame, and gives its answer and the notifications that came before it."""
        action = frame.get("action") if isinstance(frame, dict) else None
        if (action in self.talk.document.content["operations"] and self.is_valid(action, frame)) != valid:
            self.talk.document.complain(f"by the document this frame is {'not ' if valid else ''}valid: {frame}")
        if valid:
            self.talk.seen.add(("message", action))
        self.connection.send(json.dumps(frame))
        items = []
        while True:
            name, answer = self.hear()
            if name != "notifications":
                self.look_up(action, name, answer, frame)
                return answer, items
            items += answer["items"]

    def is_valid(self, action, frame):
        return self.talk.document.validator(f"/components/messages/{action}/payload").is_valid(frame)

    def look_up(self, action, name, answer, frame):
        """Whether this may be the answer to that action, and is to that very frame."""
        operation = self.talk.document.content["operations"].get(action)
        replies = (
            [message["$ref"].rsplit("/", 1)[-1] for message in operation["reply"]["messages"]]
            if operation
            else ["error"]
        )
        if name not in replies:
            self.talk.document.complain(f"{action} is answered with {name}")
        if operation and name not in ("pong", "gatewayError") and answer.get("ref") not in (frame.get("ref"), None):
            self.talk.document.complain(f"{frame} is answered {answer}")

    def refused(self, code, frame, valid):
        """A frame that has to be refused so."""
        answer, _ = self.ask(frame, valid)
        self.talk.seen.add(("code", answer.get("code")))
        if answer.get("code") != code:
            self.talk.document.complain(f"{str(frame)[:200]} is answered {answer}, and not with {code}")

    def ends(self, code):
        """The connection has to be closed so."""
        try:
            while True:
                self.connection.recv(timeout=SECONDS)
        except ConnectionClosed as closed:
            got = closed.rcvd.code if closed.rcvd else None
            self.talk.seen.add(("close", got))
            if got != code:
                self.talk.document.complain(f"a connection was closed with {got}, not with {code}")


def converse(stack, document):
    conversation = Conversation(stack, document)
    handshakes(conversation)
    with conversation.open() as socket:
        if socket.connection.subprotocol != "tidings":
            conversation.document.complain("the subprotocol tidings was not chosen")
        answers(socket)
        refusals(socket)
        failures(socket)
    limits(conversation)
    ends(conversation)
    return conversation


def handshakes(conversation):
    conversation.refuse(401)
    conversation.refuse(401, "?token=no.good.token")
    conversation.refuse(403, f"?token={token('alice', channels=['user:bob'])}")
    for function, status in (("Authorizer", 500), ("Connect", 502)):
        with conversation.stack.faults({"on": f"invoke.{function}", "do": {"error": "Function.Failed"}}):
            conversation.refuse(status, f"?token={token('alice')}")
    Socket(conversation, f"?token={token('alice')}").connection.close()
    ticket = conversation.stack.call("POST", "/v1/tickets", token("alice"))["ticket"]
    Socket(conversation, f"?ticket={ticket}").connection.close()
    conversation.refuse(401, f"?ticket={ticket}")


def answers(socket):
    """The answer to each action."""
    socket.ask({"action": "ping"})
    socket.ask({"action": "ping", "ref": 1, "more": "is not looked at"})
    socket.ask({"action": "subscribe", "channel": "topic:talk", "ref": 1})
    publish = {"action": "publish", "to": ["topic:talk", "user:alice"], "title": "t", "key": "k", "ref": "two"}
    first, again = socket.ask(publish)[0], socket.ask(publish)[0]
    if first != again:
        socket.talk.document.complain(f"under one key: {first}, then {again}")
    whole = {"body": "b", "url": "https://example.com", "data": [None, 1.5], "priority": "high", "collapse_key": "c"}
    socket.ask({"action": "publish", "to": "topic:talk", "ttl": "1h", "ref": None} | whole)
    socket.ask({"action": "publish", "to": "topic:talk", "data": 0, "store": False, "title": None})
    socket.ask({"action": "publish", "to": "topic:talk", "body": "x", "delay": "1h"})
    socket.ask(
        {"action": "publish", "to": "topic:talk", "body": "x", "repeat": "0 9 * * MON", "time_zone": "Europe/Paris"}
    )
    caught_up, items = socket.ask({"action": "subscribe", "channel": "topic:talk", "after": 0, "ref": 3})
    if not items or not caught_up["recovered"]:
        socket.talk.document.complain(f"{items} and {caught_up} instead of a replay")
    if not socket.ask({"action": "subscribe", "channel": "topic:talk", "after": 999})[0].get("reset"):
        socket.talk.document.complain("a seq beyond the log is no reset")
    inbox = socket.ask({"action": "subscribe", "channel": "user:alice", "after": None})[0]
    if not inbox["unread"]:
        socket.talk.document.complain(f"nothing is unread: {inbox}")
    socket.ask({"action": "read", "channel": "user:alice", "seq": inbox["seq"], "ref": 4})
    socket.ask({"action": "unsubscribe", "channel": "topic:talk", "ref": 5})


def refusals(socket):
    publish = {"action": "publish", "to": "topic:talk", "body": "x"}
    invalid = "invalid_request"
    socket.refused("invalid_json", [1], valid=False)
    socket.refused("unknown_action", {"action": "dance", "ref": 1}, valid=False)
    socket.refused(invalid, {"ref": 1}, valid=False)
    socket.refused(invalid, {"action": "subscribe", "channel": "no channel", "ref": 1}, valid=False)
    socket.refused(invalid, {"action": "subscribe", "channel": "topic:a", "colour": "red"}, valid=False)
    socket.refused(invalid, {"action": "subscribe", "channel": "topic:a", "after": -1}, valid=False)
    socket.refused(invalid, {"action": "subscribe", "channel": "topic:a", "ref": [1]}, valid=False)
    socket.refused(invalid, {"action": "subscribe", "channel": "topic:a", "ref": "x" * 255}, valid=False)
    socket.refused(invalid, {"action": "unsubscribe", "channel": "user:alice"}, valid=True)
    socket.refused(invalid, {"action": "read", "channel": "user:alice"}, valid=False)
    socket.refused(invalid, publish | {"store": False, "ttl": "1h"}, valid=False)
    socket.refused(invalid, publish | {"deliver_at": "2026-11-21T20:00:00Z", "delay": "1h"}, valid=False)
    socket.refused(invalid, publish | {"time_zone": "Europe/Paris"}, valid=False)
    socket.refused("too_many_channels", publish | {"to": MANY}, valid=False)
    socket.refused("invalid_idempotency_key", publish | {"key": "k" * 256}, valid=False)
    socket.refused("idempotency_key_reused", publish | {"key": "k"}, valid=True)
    socket.refused("notification_too_large", publish | {"body": "x" * 32_660}, valid=True)
    socket.refused("forbidden", {"action": "subscribe", "channel": "user:bob", "ref": 6}, valid=True)


def failures(socket):
    """DynamoDB fails, and then the function itself does."""
    subscribe = {"action": "subscribe", "channel": "topic:talk", "ref": 7}
    with socket.talk.stack.faults(*DATABASE):
        socket.refused("unavailable", subscribe, valid=True)
    with socket.talk.stack.faults({"on": "invoke.Message", "do": {"error": "Function.Failed"}}):
        socket.ask(subscribe)


def limits(conversation):
    """More channels than a connection may join, and frames that it may not send."""
    with conversation.open({"sub": "bob", "subscribe": ["topic:*"], "channels": MANY[:50]}) as socket:
        socket.refused("too_many_subscriptions", {"action": "subscribe", "channel": "topic:one-more"}, valid=True)
    with conversation.open({"sub": "ruth"}) as socket:
        conversation.stack.use_up("ruth")
        again = {"action": "subscribe", "channel": "user:ruth", "after": 0, "ref": 8}
        socket.refused("too_many_replays", again, valid=True)
    with contextlib.ExitStack() as opened:
        oldest, *_ = [opened.enter_context(conversation.open({"sub": "judy"})) for _ in range(26)]
        conversation.seen.add(("code", oldest.hear()[1].get("code")))
        oldest.ends(1000)
    for code, message, is_text in ((1003, b"{}", False), (1007, b"\xff", True), (1009, b" " * 32_769, True)):
        with conversation.open() as socket:
            socket.connection.send(message, text=is_text)
            socket.ends(code)


def ends(conversation):
    """A token that ends, a connection that nobody knows any more, and one that is cut."""
    subscribe = {"action": "subscribe", "channel": "topic:talk"}
    with conversation.open({"sub": "carol", "subscribe": ["topic:*"], "lasts": 2}) as socket:
        time.sleep(2)
        socket.refused("expired_token", subscribe, valid=True)
        socket.ends(1000)
    with conversation.open({"sub": "dave", "subscribe": ["topic:*"]}) as socket:
        forget(conversation.stack, "user:dave")
        socket.refused("connection_gone", subscribe, valid=True)
        socket.ends(1000)
    with conversation.open({"sub": "erin"}) as socket:
        conversation.stack.call("DELETE", "/v1/users/erin/connections", token("erin"))
        socket.ends(1000)


def forget(stack, channel):
    """Removes the rows of who listens to a channel."""
    table = next(name for name in stack.dynamodb("ListTables")["TableNames"] if "Subscribers" in name)
    for row in stack.dynamodb("Scan", TableName=table)["Items"]:
        if row["channel"]["S"] == channel:
            stack.dynamodb("DeleteItem", TableName=table, Key={key: row[key] for key in ("channel", "subscriber")})
