// Receives webhooks, on http://127.0.0.1:9000/hook: docs/guides/webhooks.md.
//
//     npm install standardwebhooks
//     SECRET=whsec_… node webhook.mjs
//
// Without SECRET it only accepts challenges, for a stack with WebhookChallenge: the API returns the secret after that.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const webhook = process.env.SECRET ? new Webhook(process.env.SECRET) : undefined;

// In your application a table with the key (channel, seq): it drops duplicates, and sorts.
const kept = new Map();

function keep(item) {
  const items = kept.get(item.channel) ?? new Map();
  kept.set(item.channel, items);
  const isNew = !items.has(item.seq);
  items.set(item.seq, item);
  return isNew;
}

function inOrder() {
  return [...kept.values()].flatMap((items) => [...items.values()].sort((a, b) => a.seq - b.seq));
}

// Without a secret the receiver can verify nothing, and only accepts a challenge.
function read(body, headers) {
  if (webhook) return webhook.verify(body, headers);
  const message = JSON.parse(body);
  if (message?.type !== "challenge") throw new Error("start this with SECRET, to receive notifications");
  return message;
}

async function receive(request) {
  // The body as it came: parsed and written again, it would not match the signature.
  const body = await text(request);
  let item;
  try {
    item = read(body, request.headers);
  } catch (refusal) {
    console.log(`refused: ${refusal.message}`);
    return [401];
  }
  if (item.type === "challenge") {
    console.log("accepted a challenge");
    return [200, JSON.stringify({ challenge: item.challenge })];
  }
  console.log(`${keep(item) ? "new" : "double"}: ${item.channel}:${item.seq} ${item.title ?? item.body ?? ""}`);
  // Answer only now that it is kept. After any other answer than a 2xx, Tidings sends it again.
  return [204];
}

createServer(async (request, response) => {
  if (request.method === "POST") {
    const [status, answer] = await receive(request);
    response.writeHead(status).end(answer);
  } else {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(inOrder()));
  }
}).listen(9000, "127.0.0.1");
