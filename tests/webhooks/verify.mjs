// Has the Standard Webhooks library for JavaScript verify what was received; as verify.py, which says what goes in and out.

import { createInterface } from "node:readline";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const now = Date.now;

function verify({ secret, headers, body, change, ahead = 0 }) {
  if (change === "byte") body = String.fromCharCode(body.charCodeAt(0) ^ 1) + body.slice(1);
  Date.now = () => now() + ahead * 1000 + (change === "late" ? 600_000 : 0);
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false });
    return "ok";
  } catch (refusal) {
    if (refusal instanceof WebhookVerificationError) return refusal.message;
    throw refusal;
  }
}

for await (const line of createInterface({ input: process.stdin })) console.log(verify(JSON.parse(line)));
