// The calls of `tidings/send` to the HTTP API, and its use of the answers.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { test } from "node:test";
import { Sender, TidingsError } from "../dist/send.js";

/** Runs a test with a sender, and a server that gives these answers in order, the last one repeatedly. */
function answering(answers, body) {
  return async () => {
    const calls = [];
    const server = createServer(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      const { method, url, headers } = request;
      calls.push({ method, url, key: headers["idempotency-key"], token: headers.authorization, body: text && JSON.parse(text) });
      const [status, answer = {}, more = {}] = answers[Math.min(calls.length, answers.length) - 1];
      if (status === "cut") return request.socket.destroy();
      response.writeHead(status, more);
      response.end(status === 204 ? undefined : JSON.stringify(answer));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const http = `http://127.0.0.1:${server.address().port}`;
      await body(new Sender({ http, token: async () => "a.b.c" }), calls);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  };
}

const SENT = { id: "x", state: "sent", channels: [] };

test("a call that fails for a moment is repeated under the same key, and each call has its own key", answering([[503], ["cut"], [429, {}, { "retry-after": "0" }], [202, SENT]], async (sender, calls) => {
  assert.deepEqual(await sender.send({ to: "user:alice", title: "Hello" }), SENT);
  await sender.schedule({ to: ["user:alice"], title: "Later", delay: "15m" });
  assert.equal(calls.length, 5);
  const keys = calls.map(({ key }) => key);
  assert.equal(new Set(keys.slice(0, 4)).size, 1);
  assert.notEqual(keys[4], keys[0]);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  const { method, url, token, body } = calls[4];
  assert.deepEqual([method, url, token], ["POST", "/v1/notifications", "Bearer a.b.c"]);
  assert.deepEqual(body, { to: ["user:alice"], title: "Later", delay: "15m" });
}));

test("a key of the application's own is used", answering([[202, SENT]], async (sender, calls) => {
  await sender.send({ to: "user:alice", data: 1 }, { key: "order-4711" });
  assert.equal(calls[0].key, "order-4711");
}));

test("an unstored notification has no key, and is tried once", answering([[503]], async (sender, calls) => {
  await assert.rejects(sender.send({ to: "user:alice", title: "Hello", store: false }), { status: 503 });
  assert.deepEqual(calls.map(({ key }) => key), [undefined]);
}));

test("a refusal is thrown at once, with its code", answering([[403, { code: "forbidden", detail: "no" }]], async (sender, calls) => {
  const refused = await sender.send({ to: "user:bob", title: "Hello" }).catch((error) => error);
  assert.ok(refused instanceof TidingsError);
  assert.deepEqual([refused.code, refused.status, calls.length], ["forbidden", 403, 1]);
}));

test("a server that stays away is given up after five tries", answering([[503]], async (sender, calls) => {
  await assert.rejects(sender.look("x"), { code: "http_503" });
  assert.equal(calls.length, 5);
}));

test("a call that is aborted ends at once", answering([[503, {}, { "retry-after": "60" }]], async (sender) => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 50);
  await assert.rejects(sender.send({ to: "user:alice", title: "Hello" }, { signal: abort.signal }));
}));

test("a scheduled notification is looked at and cancelled, and a channel looked at", answering([[200, { id: "x", state: "cancelled" }]], async (sender, calls) => {
  await sender.look("a/b");
  assert.equal((await sender.cancel("a b")).state, "cancelled");
  await sender.channel("user:alice");
  assert.deepEqual(calls.map(({ method, url }) => `${method} ${url}`), [
    "GET /v1/notifications/a%2Fb",
    "DELETE /v1/notifications/a%20b",
    "GET /v1/channels/user%3Aalice",
  ]);
}));

test("endpoints are added, listed, looked at, rotated, replayed and removed", answering([[200, { endpoints: [{ id: "e" }] }]], async (sender, calls) => {
  const endpoints = sender.endpoints("user:alice");
  await endpoints.add({ kind: "webhook", url: "https://example.com/hook" });
  assert.deepEqual(await endpoints.list(), [{ id: "e" }]);
  await endpoints.look("e");
  await endpoints.rotate("e");
  await endpoints.replay("e", 42);
  await endpoints.remove("e");
  const path = "/v1/channels/user%3Aalice/endpoints";
  assert.deepEqual(calls.map(({ method, url }) => `${method} ${url.replace(path, "")}`), [
    "POST ", "GET ", "GET /e", "POST /e/rotate", "POST /e/replay", "DELETE /e",
  ]);
  assert.deepEqual(calls[4].body, { seq: 42 });
}));

test("an endpoint that an earlier try has removed is removed", answering([["cut"], [404, { code: "not_found" }]], async (sender, calls) => {
  await sender.endpoints("user:alice").remove("e");
  assert.equal(calls.length, 2);
}));

test("a secret is not made twice", answering([[503]], async (sender, calls) => {
  await assert.rejects(sender.endpoints("user:alice").rotate("e"));
  assert.equal(calls.length, 1);
}));
