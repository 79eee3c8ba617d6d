#!/usr/bin/env python3
"""Reads a Web Push as its push service and its browser do, with libraries by others, and prints what it says.

    pip install --require-hashes --no-deps --requirement tests/web-push/build.txt
    pip install --require-hashes --no-deps --no-build-isolation --requirement tests/web-push/requirements.txt
    python3 tests/web-push/verify.py captured.json

The file (or standard input, without one) is what a push service got, and what the browser alone knows:

    {"request": {"url": "https://…", "headers": {"ttl": "60", …}, "body_base64": "…"},
     "subscription_private": "…", "auth": "…", "vapid_public": "…"}

The keys are in base64url as in the browser's subscription, the private one as a number of 32 bytes. Anything that is not
as RFC 8030, 8188, 8291 and 8292 say is reported on standard error and ends it with a 1.
"""

import base64
import json
import re
import sys
import time
import urllib.parse

try:
    import http_ece
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.asymmetric import ec
    from py_vapid import Vapid02
except ImportError as missing:
    sys.exit(f"{missing}. Install tests/web-push/requirements.txt, as this file's first lines say")

LARGEST_BODY = 4096
LONGEST_TOKEN = 24 * 60 * 60
USUAL_PORTS = {"https": 443, "http": 80}


class Wrong(Exception):
    """Something that is not as it should be."""


def check(is_right, otherwise):
    if not is_right:
        raise Wrong(otherwise)


def decoded(text):
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise Wrong(f"something is not base64url: {error}") from error


def check_headers(headers):
    check(headers.get("content-encoding") == "aes128gcm", "Content-Encoding is not aes128gcm")
    check(headers.get("content-type") == "application/octet-stream", "Content-Type is not application/octet-stream")
    check(re.fullmatch(r"\d+", headers.get("ttl", "")), "TTL is no number of seconds")
    check(headers.get("urgency") in ("very-low", "low", "normal", "high"), "Urgency is not one of the four")
    topic = headers.get("topic")
    check(topic is None or re.fullmatch(r"[A-Za-z0-9_-]{1,32}", topic), "Topic is not 1 to 32 characters of base64url")


def origin(url):
    parts = urllib.parse.urlsplit(url)
    port = "" if parts.port in (None, USUAL_PORTS.get(parts.scheme)) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}"


def part_of_token(text):
    try:
        return json.loads(decoded(text))
    except ValueError as error:
        raise Wrong(f"a part of the token is no JSON: {error}") from error


def check_token(authorization, url, public):
    parts = re.fullmatch(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+),\s*k=([\w-]+)", authorization)
    check(parts, "Authorization is not `vapid t=…,k=…`")
    header, claims = part_of_token(parts[1]), part_of_token(parts[2])
    check(parts[4] == public.rstrip("="), "the token comes with another public key")
    check(header.get("alg") == "ES256", "the token is not signed by ES256")
    check(len(decoded(parts[3])) == 64, "the signature has not 64 bytes")
    check(Vapid02.verify(authorization), "the token is not signed by the public key that comes with it")
    check(claims.get("aud") == origin(url), f"aud is {claims.get('aud')!r}, not {origin(url)!r}")
    left = claims.get("exp", 0) - time.time()
    check(0 < left <= LONGEST_TOKEN, f"the token ends in {left:.0f} s")
    check(re.match(r"mailto:.+@.+|https://.+", claims.get("sub", "")), "sub is nobody to write to")


def decrypt(body, private, auth):
    check(len(body) <= LARGEST_BODY, f"the body has {len(body)} bytes and push services take {LARGEST_BODY}")
    check(len(decoded(auth)) == 16, "auth has not 16 bytes")
    key = ec.derive_private_key(int.from_bytes(decoded(private), "big"), ec.SECP256R1())
    try:
        return http_ece.decrypt(body, private_key=key, auth_secret=decoded(auth), version="aes128gcm")
    except (http_ece.ECEException, InvalidTag, ValueError) as error:
        raise Wrong(f"the body cannot be decrypted: {error!r}") from error


def verify(captured):
    """The text of what was captured."""
    request = captured["request"]
    headers = {name.lower(): value for name, value in request["headers"].items()}
    check_headers(headers)
    check_token(headers.get("authorization", ""), request["url"], captured["vapid_public"])
    body = base64.b64decode(request["body_base64"], validate=True)
    return decrypt(body, captured["subscription_private"], captured["auth"]).decode()


def main():
    with open(sys.argv[1]) if len(sys.argv) > 1 else sys.stdin as file:
        captured = json.load(file)
    try:
        print(verify(captured))
    except Wrong as wrong:
        sys.exit(f"verify.py: {wrong}")


if __name__ == "__main__":
    main()
