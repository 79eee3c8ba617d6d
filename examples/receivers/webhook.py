"""Receives webhooks, on http://127.0.0.1:9000/hook: docs/guides/webhooks.md.

    pip install standardwebhooks
    SECRET=whsec_… python3 webhook.py

Without SECRET it only accepts challenges, for a stack with WebhookChallenge: the API returns the secret after that.
"""

import json
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = os.environ.get("SECRET")
WEBHOOK = Webhook(SECRET) if SECRET else None

# The key drops duplicates, and sorts.
KEPT = sqlite3.connect("received.db", isolation_level=None)
KEPT.execute("CREATE TABLE IF NOT EXISTS items (channel, seq, item, PRIMARY KEY (channel, seq))")


def keep(item):
    row = (item["channel"], item["seq"], json.dumps(item))
    return KEPT.execute("INSERT OR IGNORE INTO items VALUES (?, ?, ?)", row).rowcount == 1


def in_order():
    return [json.loads(item) for (item,) in KEPT.execute("SELECT item FROM items ORDER BY channel, seq")]


def read(body, headers):
    """Without a secret the receiver can verify nothing, and only accepts a challenge."""
    if WEBHOOK:
        return WEBHOOK.verify(body, headers)
    message = json.loads(body)
    if not isinstance(message, dict) or message.get("type") != "challenge":
        raise ValueError("start this with SECRET, to receive notifications")
    return message


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        # The body as it came: parsed and written again, it would not match the signature.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            item = read(body, dict(self.headers))
        except (WebhookVerificationError, ValueError) as refusal:
            print(f"refused: {refusal}", flush=True)
            return self.answer(401)
        if item.get("type") == "challenge":
            print("accepted a challenge", flush=True)
            return self.answer(200, json.dumps({"challenge": item["challenge"]}).encode())
        word = "new" if keep(item) else "double"
        print(f"{word}: {item['channel']}:{item['seq']} {item.get('title') or item.get('body') or ''}", flush=True)
        # Answer only now that it is kept. After any other answer than a 2xx, Tidings sends it again.
        self.answer(204)

    def do_GET(self):
        self.answer(200, json.dumps(in_order()).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *_):
        pass


HTTPServer(("127.0.0.1", 9000), Receiver).serve_forever()
