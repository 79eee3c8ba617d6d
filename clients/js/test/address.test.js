// Addresses that are not the API's own, or whose traffic others can read.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { until, withStack } from "./listener.js";

const INBOX = "user:alice";
const STATUSES = [301, 302, 303, 307, 308];

/** A server that answers all requests, WebSocket handshakes too, with this response; and the requests that came. */
async function serve(context, status, headers = {}) {
  const server = createServer();
  const requests = [];
  server.on("request", ({ url }, response) => (requests.push(url), response.writeHead(status, headers).end("{}")));
  server.on("upgrade", ({ url }, socket) => {
    requests.push(url);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} Elsewhere\r\n${lines.join("")}Connection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => (server.closeAllConnections(), server.close()));
  return { requests, origin: `127.0.0.1:${server.address().port}` };
}

for (const status of STATUSES) {
  test(`a ${status} is not followed but reported once, and tried again`, withStack(async ({ listen, context }) => {
    const elsewhere = await serve(context, 200);
    const { requests, origin } = await serve(context, status, { location: `http://${elsewhere.origin}/?token=hush` });
    const http = `http://${origin}`;
    const { errors, states } = listen({ channels: { [INBOX]: 0 }, http, websocket: undefined });
    await until(() => requests.length >= 3);
    assert.deepEqual(errors.map(({ code, status, channel }) => [code, status, channel]), [["redirected", status, undefined]]);
    assert.match(errors[0].detail, /`http` redirects: give the API's own address/);
    assert.deepEqual([states, elsewhere.requests], [["connecting", "offline"], []]);
  }));
}

test("marking as read fails at once where it would be redirected", withStack(async ({ listen, context }) => {
  const elsewhere = await serve(context, 200);
  const { requests, origin } = await serve(context, 307, { location: `http://${elsewhere.origin}/` });
  const { subscriptions } = listen({ channels: { [INBOX]: 0 }, http: `http://${origin}`, websocket: undefined });
  await assert.rejects(subscriptions[INBOX].read(1), { code: "redirected", status: 307 });
  const marks = requests.filter((url) => url.endsWith("/read"));
  assert.deepEqual([marks.length, elsewhere.requests], [1, []]);
}));

test("the little that a browser reports of a redirect is enough", withStack(async ({ listen }) => {
  const asked = [];
  const fetch = async (url, { redirect }) => {
    asked.push(redirect);
    return Object.defineProperties(Response.error(), { type: { value: "opaqueredirect" } });
  };
  const { errors } = listen({ channels: { [INBOX]: 0 }, websocket: undefined, fetch });
  await until(() => asked.length >= 3);
  assert.deepEqual(errors.map(({ code }) => code), ["redirected"]);
  assert.deepEqual(new Set(asked), new Set(["manual"]));
}));

test("the answer of a redirect is not used", withStack(async ({ stack, listen }) => {
  stack.onPoll = (poll, answer) => (answer(307, { code: "forbidden", detail: "no", field: "channel[0]" }), true);
  const { errors } = listen({ channels: { [INBOX]: 0 }, websocket: undefined });
  await until(() => stack.polls.length >= 3);
  assert.deepEqual(errors.map(({ code, channel }) => [code, channel]), [["redirected", undefined]]);
}));

test("a handshake is not redirected either, and polls take over", withStack(async ({ stack, listen, context }) => {
  const elsewhere = await serve(context, 200);
  const { requests, origin } = await serve(context, 307, { location: `ws://${elsewhere.origin}/` });
  stack.append(INBOX, 2);
  const { seqs, errors } = listen({ channels: { [INBOX]: 0 }, websocket: `ws://${origin}` });
  await until(() => seqs[INBOX].length === 2);
  assert.ok(requests.length >= 2);
  assert.deepEqual([errors, elsewhere.requests], [[], []]);
}));

/** The number of warnings of a client with these addresses. */
function warnings({ listen, context }, addresses) {
  const warn = context.mock.method(console, "warn", () => {});
  listen({ fetch: async () => new Response("{}", { status: 503 }), ...addresses });
  const warned = warn.mock.calls.map(({ arguments: [text] }) => text);
  warn.mock.restore();
  for (const text of warned) assert.match(text, /https and wss/);
  return warned.length;
}

test("each client warns once of a token that others can read", withStack(async (world) => {
  const https = "https://api.example.org";
  for (const http of [
    "http://api.example.org/dev",
    "HTTP://10.0.0.1:3000",
    "http://127.0.0.1@example.org",
    "http://127.0.0.1.example.org",
    "http://localhost.example.org",
    "http://notlocalhost",
    "http://0.0.0.0:3000",
    "http://[::]",
    "http://[::ffff:10.0.0.1]",
    "http://[::2]",
  ]) {
    assert.equal(warnings(world, { http }), 1, http);
    const websocket = http.replace(/^http/i, "ws");
    assert.equal(warnings(world, { http: https, websocket }), 1, websocket);
    assert.equal(warnings(world, { http, websocket }), 1, `${http} and ${websocket}`);
  }
}));

test("a client does not warn of an address of this machine, of an encrypted one, or of an invalid one", withStack(async (world) => {
  for (const http of [
    "http://127.0.0.1:3000",
    "http://127.255.0.9/dev",
    "http://127.1",
    "http://0x7f.1",
    "http://127.0.0.1.",
    "http://[::1]:3000",
    "http://[::ffff:127.0.0.1]",
    "http://localhost",
    "HTTP://LOCALHOST.:3000",
    "http://a.b.localhost.",
    "https://api.example.org",
    "no address",
    "",
  ]) {
    assert.equal(warnings(world, { http, websocket: undefined }), 0, http);
    assert.equal(warnings(world, { http, websocket: http.replace(/^http/i, "ws") }), 0, http);
  }
}));
