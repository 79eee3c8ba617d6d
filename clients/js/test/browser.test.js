// The hints of a browser: the network is back, or the page is seen again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, withStack } from "./listener.js";

const A = "topic:a";
const SLOW = { reconnect: [60_000, 60_000], retry: [60_000, 60_000], upgrade: [60_000, 60_000] };

/** A page's globals, while a test runs. */
function inPage(body) {
  return withStack(async (things) => {
    const [page, document] = [new EventTarget(), new EventTarget()];
    document.visibilityState = "visible";
    const listening = { add: 0, remove: 0 };
    for (const verb of ["add", "remove"]) {
      globalThis[`${verb}EventListener`] = (...event) => (listening[verb]++, page[`${verb}EventListener`](...event));
    }
    globalThis.document = document;
    try {
      await body({ ...things, page, document, listening });
    } finally {
      for (const name of ["addEventListener", "removeEventListener", "document"]) delete globalThis[name];
    }
  });
}

const online = (page) => page.dispatchEvent(new Event("online"));
const seen = (document) => document.dispatchEvent(new Event("visibilitychange"));

test("when the network is back it connects at once", inPage(async ({ stack, listen, page, listening }) => {
  const listener = listen({ channels: { [A]: 0 }, timing: SLOW });
  await until(() => listener.state === "live");
  for (const socket of stack.sockets) socket.cut();
  await until(() => listener.state === "connecting");
  online(page);
  await until(() => listener.state === "live");
  assert.equal(stack.handshakes.length, 2);
  listener.tidings.close();
  assert.deepEqual(listening, { add: 1, remove: 1 });
}));

test("when the page is seen again it finds out whether the socket lives", inPage(async ({ stack, listen, document }) => {
  const listener = listen({ channels: { [A]: 0 }, timing: { ...SLOW, pong: 400, reconnect: [0, 0] } });
  await until(() => listener.state === "live");
  const pings = () => stack.frames.filter(({ action }) => action === "ping").length;
  document.visibilityState = "hidden";
  seen(document);
  document.visibilityState = "visible";
  seen(document);
  await until(() => pings() === 1);
  assert.equal(listener.state, "live");
  stack.onFrame = ({ action }, socket) => action === "ping" && socket.number === 1;
  // A frame that came just now, such as the answer to the last ping, is sign enough.
  await sleep(50);
  seen(document);
  await until(() => stack.handshakes.length === 2 && listener.state === "live");
  assert.equal(pings(), 2);
}));

test("when the network is back after sockets and polls have failed, it tries a socket at once", inPage(async ({ stack, listen, page }) => {
  let down = true;
  stack.onHandshake = () => down && 503;
  stack.onPoll = (poll, answer) => down && (answer(503, {}), true);
  const listener = listen({ channels: { [A]: 0 }, timing: { ...SLOW, retry: [10, 60_000] } });
  await until(() => stack.polls.length >= 1 && stack.handshakes.length >= 3);
  down = false;
  online(page);
  await until(() => listener.state === "live");
  assert.ok(stack.handshakes.length <= 5, `${stack.handshakes.length} handshakes`);
}));
