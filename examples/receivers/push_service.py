"""Stands in for a browser and its push service, on http://127.0.0.1:9001: docs/guides/web-push.md. It prints the subscription that
the browser would make, then each push to it.

    pip install http-ece
    python3 push_service.py
"""

import base64
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

BROWSER = ec.generate_private_key(ec.SECP256R1())
AUTH = os.urandom(16)


class PushService(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        text = http_ece.decrypt(body, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm").decode()
        told = {name: self.headers[name] for name in ("ttl", "urgency", "topic") if name in self.headers}
        print(json.dumps(told), text, flush=True)
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, *_):
        pass


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


POINT = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
KEYS = {"p256dh": base64url(BROWSER.public_key().public_bytes(*POINT)), "auth": base64url(AUTH)}
print(json.dumps({"endpoint": "http://127.0.0.1:9001/s/1", "keys": KEYS}), flush=True)
HTTPServer(("127.0.0.1", 9001), PushService).serve_forever()
