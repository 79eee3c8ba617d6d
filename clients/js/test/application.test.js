// The events that the application gets, and its effect on the client.

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, upTo, withStack } from "./listener.js";

const A = "topic:a";
const INBOX = "user:alice";
const subscribes = (stack, channel = A) =>
  stack.frames.filter((frame) => frame.action === "subscribe" && frame.channel === channel);

test("no further page is asked for while more than one waits for the application", withStack(async ({ stack, listen }) => {
  stack.append(A, 450);
  const listener = listen();
  const gate = {};
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const { seqs, loads } = listener;
  listener.subscribe(A, { after: 0, onNotification: async ({ seq }) => (await gate.opened, seqs[A].push(seq)) });
  await until(() => subscribes(stack).length === 2);
  await sleep(60);
  assert.equal(subscribes(stack).length, 2);
  gate.open();
  await until(() => loads[A]);
  assert.deepEqual(seqs[A], upTo(450));
}));

test("a flood that the application cannot take is dropped, and asked for when it can", withStack(async ({ stack, listen }) => {
  const listener = listen();
  const gate = {};
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const { seqs, loads } = listener;
  listener.subscribe(A, { after: 0, onNotification: async ({ seq }) => (await gate.opened, seqs[A].push(seq)) });
  await until(() => loads[A]);
  stack.send(A, 3_000);
  // The answer to a ping shows that the client has taken in all frames before it.
  await Promise.all([...stack.sockets].map(({ ws }) => (ws.ping(), once(ws, "pong"))));
  gate.open();
  await until(() => seqs[A].length === 3_000);
  assert.deepEqual(seqs[A], upTo(3_000));
  const asked = subscribes(stack).length;
  assert.ok(asked > 10, `${asked}`);
  await sleep(200);
  assert.equal(subscribes(stack).length, asked);
}));

test("the application gets one notification at a time; an error that it throws goes to `onError`, and the notification counts as handed over", withStack(async ({ stack, listen }) => {
  const listener = listen();
  const seen = [];
  let busy = 0;
  const onNotification = async ({ seq, channel, data }) => {
    assert.equal(busy++, 0);
    await sleep(5);
    busy--;
    seen.push([channel, seq, data.n]);
    if (seq === 2) throw new Error("two");
  };
  stack.append(A, 4);
  listener.subscribe(A, { after: 0, onNotification });
  await until(() => listener.loads[A]);
  assert.deepEqual(seen, [[A, 1, 1], [A, 2, 2], [A, 3, 3], [A, 4, 4]]);
  assert.deepEqual(listener.errors.map(({ code, detail, channel }) => [code, detail, channel]), [
    ["handler_failed", "Error: two", A],
  ]);
  assert.equal(listener.errors[0].cause.message, "two");
}));

test("the application gets a loss and a reset in their turn", withStack(async ({ stack, listen }) => {
  stack.append(A, 9);
  stack.logs.get(A).rows.splice(0, 6);
  stack.append("topic:b", 2);
  const { seqs, gaps } = listen({ channels: { [A]: 2, "topic:b": 41 } });
  await until(() => seqs[A].length === 3 && gaps["topic:b"].length);
  assert.deepEqual(gaps[A], [{ after: 2, seq: 6, reset: false }]);
  assert.deepEqual(gaps["topic:b"], [{ after: 41, seq: 2, reset: true }]);
  stack.send("topic:b");
  await until(() => seqs["topic:b"].length);
  assert.deepEqual([seqs[A], seqs["topic:b"]], [[7, 8, 9], [3]]);
}));

test("an unstored notification is handed on as it comes, and does not move the cursor", withStack(async ({ stack, listen }) => {
  const listener = listen();
  const seen = [];
  listener.subscribe(A, { after: 0, onNotification: ({ id, seq }) => seen.push([id, seq]) });
  await until(() => listener.loads[A]);
  stack.push(A, [{ id: "loose", sent_at: "" }]);
  stack.push(A, [{ id: "loose", sent_at: "" }]);
  stack.send(A);
  await until(() => seen.length === 3);
  assert.deepEqual(seen, [["loose", undefined], ["loose", undefined], [`${A}#1`, 1]]);
  assert.equal(listener.subscriptions[A].seq, 1);
}));

test("unread notifications are counted, and marked as read", withStack(async ({ stack, listen }) => {
  stack.append(INBOX, 3);
  const { subscriptions, unreads, seqs } = listen({ channels: { [INBOX]: 1 } });
  const inbox = subscriptions[INBOX];
  await until(() => inbox.unread === 3);
  stack.send(INBOX, 2);
  await until(() => seqs[INBOX].length === 4);
  assert.equal(inbox.unread, 5);
  await inbox.read(2);
  assert.equal(inbox.unread, 3);
  await inbox.read();
  assert.deepEqual([inbox.unread, stack.reads.map(({ seq }) => seq)], [0, [2, 5]]);
  stack.send(INBOX);
  await until(() => inbox.unread === 1);
  for (const socket of stack.sockets) socket.send({ type: "read", channel: INBOX, seq: 6, unread: 0 });
  await until(() => inbox.unread === 0);
  assert.deepEqual(unreads[INBOX], [3, 4, 5, 3, 0, 1, 0]);
}));

test("a notification that an answer has counted as unread is not counted again when it is pushed", withStack(async ({ stack, listen }) => {
  const { subscriptions, loads, seqs } = listen({ channels: { [INBOX]: 0 } });
  await until(() => loads[INBOX]);
  stack.send(INBOX);
  await until(() => seqs[INBOX].length === 1);
  const late = stack.append(INBOX);
  await subscriptions[INBOX].read(1);
  assert.equal(subscriptions[INBOX].unread, 1);
  stack.push(INBOX, late);
  await until(() => seqs[INBOX].length === 2);
  assert.equal(subscriptions[INBOX].unread, 1);
}));

test("a channel that was joined by connecting and nobody listens to is passed over", withStack(async ({ stack, listen }) => {
  const { loads, seqs } = listen({ channels: { [A]: 0 } });
  await until(() => loads[A]);
  for (const socket of stack.sockets) socket.channels.add("topic:other");
  stack.send("topic:other");
  stack.send(A);
  await until(() => seqs[A].length);
  assert.equal(stack.handshakes.length, 1);
}));

test("after closing nothing is handed on, and nothing is asked", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0 } });
  await until(() => listener.state === "live");
  stack.send(A);
  listener.tidings.close();
  await until(() => stack.sockets.size === 0);
  await sleep(80);
  assert.deepEqual([listener.seqs[A], stack.handshakes.length, listener.state], [[], 1, "closed"]);
  assert.throws(() => listener.subscribe("topic:b"), { code: "closed" });
}));

test("a socket that was about to open when the client was closed is closed, too", withStack(async ({ stack, listen }) => {
  const { tidings } = listen({ channels: { [A]: 0 }, token: () => sleep(40, "token") });
  await sleep(10);
  tidings.close();
  await sleep(150);
  assert.equal(stack.sockets.size, 0);
}));

test("a channel can be listened to once, and a socket needs an address", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0 } });
  assert.throws(() => listener.subscribe(A), { code: "already_subscribed", channel: A });
  assert.throws(() => listen({ transport: "socket", websocket: undefined }), TypeError);
  await until(() => stack.sockets.size);
}));

test("after a log has gone on at a higher seq, unread notifications are still counted one by one", withStack(async ({ stack, listen }) => {
  stack.append(INBOX, 3);
  const { subscriptions, unreads, seqs, loads } = listen({ channels: { [INBOX]: 0 } });
  const inbox = subscriptions[INBOX];
  await until(() => loads[INBOX] && inbox.unread === 3);
  const log = stack.logs.get(INBOX);
  log.newest = 1_795_977_259_426;
  const [late] = stack.append(INBOX);
  log.read = 3;
  // The application marks the notifications on its screen while a new one is on its way. The server has counted the new one.
  for (const socket of stack.sockets) socket.send({ type: "read", channel: INBOX, seq: 3, unread: 1 });
  await until(() => inbox.unread === 1);
  stack.push(INBOX, [late]);
  await until(() => seqs[INBOX].length === 4);
  assert.equal(inbox.unread, 1);
  stack.send(INBOX);
  await until(() => seqs[INBOX].length === 5);
  assert.deepEqual([inbox.unread, unreads[INBOX]], [2, [3, 1, 2]]);
}));

for (const moment of ["before its answer came", "after", "before an error came instead", "whose leaving fails at first"]) {
  test(`a channel that is left is left at the server, too: ${moment}`, withStack(async ({ stack, listen }) => {
    const listener = listen({ channels: { [A]: 0 }, timing: { gap: [5, 10] } });
    await until(() => listener.loads[A]);
    const [socket] = stack.sockets;
    let failures = 1;
    stack.onFrame = (frame) => {
      const { action, channel, ref } = frame;
      if (channel === A) return false;
      if (action === "subscribe" && moment.startsWith("before")) {
        listener.subscriptions[channel].unsubscribe();
        if (!moment.includes("error")) return false;
        socket.channels.add(channel);
        return socket.send({ type: "error", code: "channel_busy", detail: "", ref }) ?? true;
      }
      if (action === "unsubscribe" && moment.includes("fails") && failures-- > 0) {
        return socket.send({ type: "error", code: "unavailable", detail: "", ref }) ?? true;
      }
      return false;
    };
    for (let room = 0; room < 60; room++) {
      const name = `topic:room${room}`;
      listener.subscribe(name, { after: 0 });
      await until(() => stack.frames.some(({ channel }) => channel === name));
      if (!moment.startsWith("before")) {
        await until(() => listener.loads[name]);
        listener.subscriptions[name].unsubscribe();
      }
    }
    await until(() => socket.channels.size === 1, () => [...socket.channels]);
    assert.deepEqual(listener.errors, []);
  }));
}
