// Receives webhooks, on http://127.0.0.1:9000/hook: docs/webhooks.md.
//
//     npm install standardwebhooks
//     SECRET=whsec_… node webhook.mjs
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.SECRET);

// In your application a table with the key (channel, seq): it drops doubles, and sorts.
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

async function receive(request) {
  // As it came: read and written again, it would not be what was signed.
  const body = await text(request);
  let item;
  try {
    item = webhook.verify(body, request.headers);
  } catch (refusal) {
    console.log(`refused: ${refusal.message}`);
    return 401;
  }
  console.log(`${keep(item) ? "new" : "double"}: ${item.channel}:${item.seq} ${item.title ?? item.body ?? ""}`);
  // Only now that it is kept. After anything but a 2xx it comes again.
  return 204;
}

createServer(async (request, response) => {
  if (request.method === "POST") {
    response.writeHead(await receive(request)).end();
  } else {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(inOrder()));
  }
}).listen(9000, "127.0.0.1");
