"""Sends with the client for Python that is generated from openapi.yaml, and reads what it has sent."""

import datetime
import os

from tidings_client import AuthenticatedClient
from tidings_client.api.endpoints import add_endpoint, list_endpoints
from tidings_client.api.reading import get_channel, read_notifications
from tidings_client.api.sending import cancel_notification, send_notification
from tidings_client.models import Code, NewSms, Notification, NotificationPriorityType1, Problem, State

client = AuthenticatedClient(os.environ["TIDINGS_HTTP"], os.environ["TIDINGS_TOKEN"])

hello = Notification(
    to=["topic:python", "user:python"], title="Hello", data={"n": [1, 2.5]}, priority=NotificationPriorityType1.HIGH
)
sent = send_notification.sync(client=client, body=hello, idempotency_key="python-1")
again = send_notification.sync(client=client, body=hello, idempotency_key="python-1")
assert sent.state == State.SENT and [place.seq for place in sent.channels] == [1, 1], sent
assert again == sent, again

read = read_notifications.sync(client=client, channel=["topic:python:0", "user:python:0"]).channels
for channel in read:
    [item] = channel.items
    assert (item.seq, item.id, item.title, item.data) == (1, sent.id, "Hello", {"n": [1, 2.5]}), channel
assert read[1].unread == 1 and get_channel.sync("user:python", client=client).unread == 1, read

at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
later = send_notification.sync(client=client, body=Notification(to="topic:python", body="Later", deliver_at=at))
assert later.state == State.SCHEDULED and abs(later.deliver_at - at) < datetime.timedelta(milliseconds=1), later
assert cancel_notification.sync(later.id, client=client).state == State.CANCELLED

added = add_endpoint.sync("topic:python", client=client, body=NewSms(phone="+4915112345678", kind="sms"))
listed = list_endpoints.sync("topic:python", client=client).endpoints
assert [endpoint.id for endpoint in listed] == [added.id], listed

refused = send_notification.sync(client=client, body=Notification(to="nowhere", title="Hello"))
assert isinstance(refused, Problem) and (refused.code, refused.field) == (Code.INVALID_REQUEST, "to"), refused
