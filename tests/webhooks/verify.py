"""Has the Standard Webhooks library for Python verify what was received.

Reads JSON lines `{"secret": "whsec_…", "headers": {…}, "body": "…"}`, and prints for each `ok`, or why it is refused. With
`"change": "byte"` the body has another byte when it is verified; with `"change": "late"` it is verified ten minutes later;
`"ahead"` is by how many seconds the sender's clock is ahead of this machine's.
"""

import json
import sys
from datetime import datetime, timedelta
from unittest.mock import patch

from standardwebhooks import Webhook, WebhookVerificationError


def clock_ahead(seconds):
    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=seconds)

    return Ahead


def verify(received):
    change, body = received.get("change"), received["body"]
    if change == "byte":
        body = chr(ord(body[0]) ^ 1) + body[1:]
    clock = clock_ahead(received.get("ahead", 0) + (600 if change == "late" else 0))
    try:
        with patch("standardwebhooks.webhooks.datetime", clock):
            Webhook(received["secret"]).verify(body, received["headers"], json_parse=False)
    except WebhookVerificationError as refusal:
        return str(refusal)
    return "ok"


for line in sys.stdin:
    print(verify(json.loads(line)), flush=True)
