"""Prints the messages that the local stack sends to phones and addresses: docs/guides/{mobile-push,sms,email}.md.

    python3 outbox.py
"""

import json
import time
import urllib.request

printed = 0
while True:
    with urllib.request.urlopen("http://127.0.0.1:8000/_local/outbox") as answer:
        sent = json.load(answer)
    for each in sent[printed:]:
        print(each["kind"], each["destination"], each["subject"] or "", each["message"], flush=True)
    printed = len(sent)
    time.sleep(1)
