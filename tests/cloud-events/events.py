"""Writes events with the official SDK of CloudEvents, and reads them again.

    events.py write    prints a list of events in structured mode, each as a text
    events.py read     reads a list of JSON objects from standard input, which have to be these events
"""

import datetime
import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

COMMON = {
    "source": "https://shop.example.com/orders",
    "time": datetime.datetime(2026, 11, 22, 10, tzinfo=datetime.timezone.utc),
    "specversion": "1.0",
}
EVENTS = [
    CloudEvent(COMMON | {"id": "1", "type": "order.paid", "subject": "4711"}, {"total": 9.5, "items": ["é", None]}),
    CloudEvent(COMMON | {"id": "2", "type": "order.note", "datacontenttype": "text/plain"}, "Ring twice"),
    CloudEvent(COMMON | {"id": "3", "type": "order.label", "datacontenttype": "image/png"}, b"\x89PNG\x00"),
    CloudEvent(COMMON | {"id": "4", "type": "order.gone", "traceparent": "00-4bf92f35-00f067aa-01"}),
]


def write():
    print(json.dumps([to_structured_event(event).body.decode() for event in EVENTS]))


def read():
    headers = {"content-type": "application/cloudevents+json"}
    for event, written in zip(EVENTS, json.load(sys.stdin), strict=True):
        again = from_structured_event(HTTPMessage(headers, json.dumps(written).encode()))
        assert again.get_attributes() == event.get_attributes(), (again.get_attributes(), event.get_attributes())
        assert again.get_data() == event.get_data(), (again.get_data(), event.get_data())


{"write": write, "read": read}[sys.argv[1]]()
