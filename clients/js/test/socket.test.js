import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, upTo, withStack } from "./listener.js";

const A = "topic:a";
const INBOX = "user:alice";
const subscribes = (stack, channel = A) =>
  stack.frames.filter((frame) => frame.action === "subscribe" && frame.channel === channel);

test("a token goes into the subprotocols, and a channel is asked for with its cursor and a ref", withStack(async ({ stack, listen }) => {
  stack.append(A, 3);
  const { seqs, ...listener } = listen({ channels: { [A]: 1 }, token: async () => "a.b-c_d" });
  await until(() => seqs[A].length === 2);
  stack.send(A);
  await until(() => seqs[A].length === 3);
  assert.deepEqual(seqs[A], [2, 3, 4]);
  const [{ url, protocols }] = stack.handshakes;
  assert.deepEqual([url, protocols], ["/dev", ["tidings", "bearer.a.b-c_d"]]);
  const [{ action, after, ref }] = stack.frames;
  assert.deepEqual([action, after, typeof ref], ["subscribe", 1, "number"]);
  assert.deepEqual(listener.states, ["connecting", "live"]);
  assert.equal(listener.loads[A], 1);
}));

test("a ticket goes into the URL, another one for each handshake", withStack(async ({ stack, listen }) => {
  let tickets = 0;
  const listener = listen({ channels: { [A]: 0 }, ticket: () => `t&${++tickets}` });
  await until(() => listener.state === "live");
  for (const socket of stack.sockets) socket.cut();
  await until(() => stack.handshakes.length === 2 && listener.state === "live");
  assert.deepEqual(stack.handshakes.map(({ url, protocols }) => [url, protocols]), [
    ["/dev?ticket=t%261", undefined],
    ["/dev?ticket=t%262", undefined],
  ]);
}));

test("without a cursor it gets the newest 50, and keeps the answer's cursor even if nothing came", withStack(async ({ stack, listen }) => {
  stack.append(A, 60);
  stack.log("topic:empty").newest = 7;
  const { seqs, loads, subscriptions } = listen({ channels: { [A]: null, "topic:empty": null } });
  await until(() => loads[A] && loads["topic:empty"]);
  assert.deepEqual(seqs[A], upTo(60, 11));
  assert.equal(subscriptions["topic:empty"].seq, 7);
  assert.ok(!("after" in subscribes(stack)[0]));
  for (const socket of stack.sockets) socket.cut();
  await until(() => loads[A] === 2 && loads["topic:empty"] === 2);
  assert.equal(subscribes(stack)[1].after, 60);
  assert.equal(subscribes(stack, "topic:empty")[1].after, 7);
}));

test("without a cursor, the notifications that a late push shows to be missing are asked for at once", withStack(async ({ stack, listen }) => {
  const [first] = stack.append(A, 60);
  stack.onFrame = ({ after }, socket) => {
    if (after === undefined) socket.send({ type: "notifications", channel: A, items: [first] });
  };
  const { seqs, loads } = listen({ channels: { [A]: null }, timing: { gap: [60_000, 60_000] } });
  await until(() => loads[A]);
  assert.deepEqual([seqs[A], subscribes(stack).map(({ after }) => after)], [upTo(60), [undefined, 1]]);
}));

test("more than a page is asked for page by page", withStack(async ({ stack, listen }) => {
  stack.page = 20;
  stack.append(A, 95);
  const { seqs, loads } = listen({ channels: { [A]: 0 } });
  await until(() => loads[A]);
  assert.deepEqual(seqs[A], upTo(95));
  assert.deepEqual(subscribes(stack).map(({ after }) => after), [0, 20, 40, 60, 80]);
}));

test("a notification that comes twice is handed on once", withStack(async ({ stack, listen }) => {
  const { seqs, loads } = listen({ channels: { [A]: 0 } });
  await until(() => loads[A]);
  const items = stack.append(A, 3);
  for (const seq of [1, 1, 2, 1, 2, 3, 3]) stack.push(A, [items[seq - 1]]);
  stack.push(A, items);
  stack.send(A);
  await until(() => seqs[A].includes(4));
  assert.deepEqual(seqs[A], [1, 2, 3, 4]);
  assert.equal(subscribes(stack).length, 1);
}));

test("a seq that jumps is held for a while, then asked for", withStack(async ({ stack, listen }) => {
  const { seqs, loads } = listen({ channels: { [A]: 0 }, timing: { gap: [150, 200] } });
  await until(() => loads[A]);
  stack.append(A);
  const began = Date.now();
  stack.send(A);
  await until(() => seqs[A].length === 2);
  assert.deepEqual(seqs[A], [1, 2]);
  const [, question] = subscribes(stack);
  assert.equal(question.after, 0);
  assert.ok(question.at - began >= 145, `asked after ${question.at - began} ms`);
}));

test("a jump that closes by itself is not asked for", withStack(async ({ stack, listen }) => {
  const { seqs, loads } = listen({ channels: { [A]: 0 }, timing: { gap: [60, 80] } });
  await until(() => loads[A]);
  for (let round = 1; round <= 5; round++) {
    const [first, second] = stack.append(A, 2);
    stack.push(A, [second]);
    stack.push(A, [first]);
    await until(() => seqs[A].length === 2 * round);
    await sleep(100);
  }
  assert.deepEqual([seqs[A], subscribes(stack).length], [upTo(10), 1]);
  // It does not lengthen the next wait either.
  await sleep(700);
  stack.append(A);
  stack.send(A);
  const began = Date.now();
  await until(() => seqs[A].length === 12);
  const waited = subscribes(stack)[1].at - began;
  assert.ok(waited < 400, `asked after ${waited} ms`);
}));

test("a notification that is pushed while a question is under way waits for its answer, and is not lost", withStack(async ({ stack, listen }) => {
  stack.onFrame = (frame, socket) => {
    socket.channels.add(A);
    const { items, ...position } = stack.read(A, frame.after);
    // The log was read; only then is more appended and pushed, before the answer.
    stack.send(A, 2);
    socket.send({ type: "notifications", channel: A, items });
    socket.send({ type: "subscribed", channel: A, ...position, ref: frame.ref });
    return true;
  };
  stack.append(A, 2);
  const { seqs } = listen({ channels: { [A]: 0 } });
  await until(() => seqs[A].length === 4);
  assert.deepEqual([seqs[A], subscribes(stack).length], [[1, 2, 3, 4], 1]);
}));

test("an error that may pass is asked again, later each time", withStack(async ({ stack, listen }) => {
  const codes = ["channel_busy", "unavailable", "of_another_release"];
  stack.onFrame = ({ ref }, socket) => {
    const code = codes.shift();
    return code && (socket.send({ type: "error", code, detail: "later", ref }), true);
  };
  stack.append(A, 2);
  const { seqs, errors } = listen({ channels: { [A]: 0 }, timing: { gap: [80, 80] } });
  await until(() => seqs[A].length === 2);
  const at = subscribes(stack).map((frame) => frame.at);
  assert.equal(at.length, 4);
  assert.ok(at[3] - at[0] >= 80 + 160 + 320 - 10, `after ${at[3] - at[0]} ms`);
  assert.deepEqual(errors, []);
  // An answer that helped resets the wait: the next question is soon again.
  stack.append(A);
  stack.send(A);
  const began = Date.now();
  await until(() => seqs[A].length === 4);
  const waited = subscribes(stack)[4].at - began;
  assert.ok(waited < 500, `after ${waited} ms`);
}));

test("a client that has read too much waits as long as the server says, and then asks again", withStack(async ({ stack, listen }) => {
  let refusals = 0;
  stack.onFrame = ({ ref }, socket) =>
    refusals++ < 1 && (socket.send({ type: "error", code: "too_many_replays", detail: "later", retry_after: 1, ref }), true);
  stack.append(A, 2);
  const listener = listen({ channels: { [A]: 0 } });
  await until(() => listener.seqs[A].length === 2);
  const [first, second, ...more] = subscribes(stack).map((frame) => frame.at);
  assert.ok(second - first >= 990 && second - first < 1_800, `after ${second - first} ms`);
  assert.deepEqual([more, listener.errors, stack.handshakes.length], [[], [], 1]);
}));

test("a socket over the limit is reported, and not opened again at once", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0 } });
  await until(() => listener.state === "live");
  const closed = Date.now();
  const [socket] = stack.sockets;
  socket.send({ type: "error", code: "too_many_connections", detail: "more than 100" });
  socket.cut();
  await until(() => stack.handshakes.length === 2 && listener.state === "live");
  const waited = Date.now() - closed;
  assert.ok(waited >= 220, `after ${waited} ms`);
  assert.deepEqual(listener.errors.map(({ code, detail }) => [code, detail]), [["too_many_connections", "more than 100"]]);
  assert.deepEqual(listener.states.slice(1), ["live", "offline", "live"]);
  stack.send(A);
  await until(() => listener.seqs[A].length === 1);
}));

test("a channel that is refused for good is reported once and given up; the others go on", withStack(async ({ stack, listen }) => {
  const codes = { "topic:x": "forbidden", "topic:y": "invalid_request", "topic:z": "too_many_subscriptions" };
  stack.onFrame = ({ channel, ref }, socket) =>
    codes[channel] && (socket.send({ type: "error", code: codes[channel], detail: "no", field: "channel", ref }), true);
  const channels = { [A]: 0, "topic:x": 0, "topic:y": 0, "topic:z": 0 };
  const listener = listen({ channels });
  await until(() => listener.errors.length === 3 && listener.state === "live");
  for (const socket of stack.sockets) socket.cut();
  await until(() => listener.loads[A] === 2);
  stack.send(A);
  await until(() => listener.seqs[A].length === 1);
  assert.deepEqual(
    listener.errors.map(({ code, detail, channel }) => [code, detail, channel]).sort(),
    Object.entries(codes).map(([channel, code]) => [code, "no", channel]).sort(),
  );
  for (const channel of Object.keys(codes)) assert.equal(subscribes(stack, channel).length, 1);
}));

test("after the gateway's own error the question is asked again", withStack(async ({ stack, listen }) => {
  let failures = 0;
  stack.onFrame = ({ channel }, socket) =>
    channel === A && ++failures <= 2 && (socket.send({ message: "Internal server error", requestId: "r" }), true);
  stack.append(A, 2);
  stack.append("topic:b", 1);
  const { seqs } = listen({ channels: { [A]: 0, "topic:b": 0 }, timing: { answer: [60_000, 60_000] } });
  await until(() => seqs[A].length === 2 && seqs["topic:b"].length === 1);
  assert.equal(stack.handshakes.length, 1);
}));

test("a question without an answer is asked again, and in the end on another connection", withStack(async ({ stack, listen }) => {
  stack.onFrame = (frame, socket) => socket.number === 1;
  stack.append(A, 2);
  const { seqs } = listen({ channels: { [A]: 0 }, timing: { answer: [20, 20], pong: 60_000 } });
  await until(() => seqs[A].length === 2);
  assert.equal(subscribes(stack).filter(({ socket }) => socket === 1).length, 4);
  assert.equal(stack.handshakes.length, 2);
}));

test("an old question's answer is not taken for the newest one's", withStack(async ({ stack, listen }) => {
  stack.append(A, 4);
  const refs = [];
  stack.onFrame = ({ ref }, socket) => {
    refs.push(ref);
    // The second question is answered, and after it the first, whose answer is older.
    if (refs.length === 1) return true;
    socket.send({ type: "notifications", channel: A, items: stack.read(A, 0).items });
    socket.send({ type: "subscribed", channel: A, seq: 4, recovered: true, more: false, ref });
    socket.send({ type: "subscribed", channel: A, seq: 1, recovered: false, reset: true, more: true, ref: refs[0] });
    return true;
  };
  const { seqs, gaps } = listen({ channels: { [A]: 0 }, timing: { answer: [20, 20] } });
  await until(() => seqs[A].length === 4);
  await sleep(80);
  assert.deepEqual([refs.length, seqs[A], gaps[A]], [2, [1, 2, 3, 4], []]);
}));

test("a server that falls silent is pinged, and then left", withStack(async ({ stack, listen }) => {
  let dead;
  stack.onFrame = (frame, socket) => socket.number === dead;
  const listener = listen({ channels: { [A]: 0 }, timing: { ping: [50, 70], pong: 500 } });
  const pings = () => stack.frames.filter(({ action, socket }) => action === "ping" && socket === 1).length;
  await until(() => pings() >= 3);
  assert.equal(stack.handshakes.length, 1);
  dead = 1;
  await until(() => stack.handshakes.length === 2 && listener.loads[A] === 2);
  assert.deepEqual(listener.states, ["connecting", "live", "connecting", "live"]);
}));

// Like frames of 32 KB over 8 KB a second with a time limit of 10 to 15 s for an answer, all of it 20 times as fast.
const SLOW_LINK = { bytesPerSecond: 8_000, size: 1_600, answer: [500, 750] };

for (const [kind, after, channels] of [["behind a seq", 0, 1], ["of the newest", null, 1], ["of several channels", 0, 3]]) {
  test(`over a slow link a backlog comes once and in order, as it arrives: ${kind}`, withStack(async ({ stack, listen }) => {
    const names = Array.from({ length: channels }, (_, n) => `topic:${n}`);
    const count = 24 / channels;
    for (const name of names) stack.append(name, count, SLOW_LINK.size);
    Object.assign(stack, { perFrame: 1, bytesPerSecond: SLOW_LINK.bytesPerSecond });
    const backlog = JSON.stringify(names.map((name) => stack.read(name, 0))).length;
    const { seqs, loads, states } = listen({
      channels: Object.fromEntries(names.map((name) => [name, after])),
      timing: { answer: SLOW_LINK.answer, ping: [5_000, 5_000] },
    });
    // Items that can be handed on are not held until the end.
    if (after !== null) await until(() => seqs[names[0]].length === 5 && !loads[names[0]]);
    await until(() => names.every((name) => loads[name]), () => [seqs, states], 20_000);
    for (const name of names) assert.deepEqual(seqs[name], upTo(count));
    assert.ok(stack.bytes < 1.2 * backlog, `${stack.bytes} bytes for ${backlog}`);
    assert.equal(stack.handshakes.length, 1);
  }));
}

test("a question that is lost is asked again, though the channel is busy meanwhile", withStack(async ({ stack, listen }) => {
  stack.append(A, 3);
  stack.onFrame = (frame, socket) => {
    const isLost = frame.action === "subscribe" && subscribes(stack).length === 1;
    if (isLost) socket.channels.add(frame.channel);
    return isLost;
  };
  const { seqs, loads } = listen({ channels: { [A]: 0 }, timing: { answer: [150, 200] } });
  await until(() => subscribes(stack).length === 1);
  const busy = setInterval(() => stack.send(A), 20);
  try {
    await until(() => loads[A], () => seqs, 2_000);
  } finally {
    clearInterval(busy);
  }
  assert.deepEqual(seqs[A], upTo(seqs[A].length));
}));

test("a socket that is cut in the middle of a replay loses and doubles nothing", withStack(async ({ stack, listen }) => {
  stack.page = 30;
  stack.append(A, 100);
  stack.onFrame = (frame, socket) => {
    if (socket.number > 3) return false;
    const { items, ...position } = stack.read(A, frame.after);
    const cutAt = frame.after === 0 ? items.length : 15;
    socket.send({ type: "notifications", channel: A, items: items.slice(0, cutAt) });
    if (cutAt === 15) return setTimeout(socket.cut, 10);
    return socket.send({ type: "subscribed", channel: A, ...position, ref: frame.ref }), true;
  };
  const { seqs } = listen({ channels: { [A]: 0 } });
  await until(() => seqs[A].length >= 100);
  assert.deepEqual(seqs[A], upTo(100));
  assert.ok(stack.handshakes.length >= 4);
}));

test("a frame that cannot be read is a reason to connect again", withStack(async ({ stack, listen }) => {
  const { seqs, loads } = listen({ channels: { [A]: 0 } });
  for (const [index, garbage] of ["{", "null", `{"type":"notifications","channel":"${A}"}`].entries()) {
    await until(() => loads[A] === index + 1);
    for (const socket of stack.sockets) socket.send(garbage);
  }
  await until(() => loads[A] === 4);
  stack.send(A);
  await until(() => seqs[A].length === 1);
}));

test("a planned reconnect resumes on the new socket before it closes the old one", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0, [INBOX]: 0 }, timing: { replace: [100, 120] } });
  let most = 0;
  let least = 2;
  const sender = setInterval(() => {
    const joined = [...stack.sockets].filter(({ channels }) => channels.size === 2).length;
    if (listener.state === "live") [least, most] = [Math.min(least, joined), Math.max(most, stack.sockets.size)];
    stack.send(A);
  }, 3);
  // The new one is slow to answer: until then the old one goes on.
  stack.onFrame = (frame, socket) => socket.number > 1 && (setTimeout(() => stack.answer(frame, socket), 30), true);
  await until(() => stack.handshakes.length >= 5);
  clearInterval(sender);
  const { newest } = stack.log(A);
  await until(() => listener.seqs[A].at(-1) === newest);
  assert.deepEqual(listener.seqs[A], upTo(newest));
  assert.deepEqual([listener.states, least, most], [["connecting", "live"], 1, 2]);
  assert.equal(listener.loads[A], 1);
  await until(() => stack.sockets.size === 1);
}));

test("a planned reconnect that fails leaves the old socket alone", withStack(async ({ stack, listen }) => {
  stack.onHandshake = (number) => number > 1 && number < 5 && 503;
  const listener = listen({ channels: { [A]: 0 }, timing: { replace: [60, 60] } });
  await until(() => stack.handshakes.length >= 6);
  assert.deepEqual([listener.states, stack.polls.length], [["connecting", "live"], 0]);
}));

test("a socket is replaced before its token ends, but not at once", withStack(async ({ stack, listen, context }) => {
  context.mock.timers.enable({ apis: ["Date"], now: 1_795_000_000_000 });
  const claims = Buffer.from(JSON.stringify({ sub: "ü?>", exp: 1_795_000_040, iat: 1_794_999_000 })).toString("base64url");
  const waits = [];
  const { setTimeout: real } = globalThis;
  context.mock.method(globalThis, "setTimeout", (then, time, ...rest) => (waits.push(time), real(then, time, ...rest)));
  const listener = listen({ channels: { [A]: 0 }, token: `h.${claims}.s` });
  while (listener.state !== "live") await sleep(2);
  const planned = waits.filter((time) => time > 15_000);
  assert.ok(planned.length === 1 && planned[0] >= 24_000 && planned[0] <= 36_000, `${planned}`);
}));

test("after a refused handshake the token is asked for anew, with growing waits", withStack(async ({ stack, listen }) => {
  let tokens = 0;
  stack.onHandshake = (number) => number < 4 && 401;
  const listener = listen({ channels: { [A]: 0 }, transport: "socket", token: () => `t${++tokens}` });
  await until(() => listener.state === "live");
  assert.deepEqual(stack.handshakes.map(({ protocols }) => protocols[1]), upTo(4).map((n) => `bearer.t${n}`));
  assert.deepEqual([listener.states, stack.polls.length], [["connecting", "offline", "live"], 0]);
}));

test("a token source that fails is reported once, and asked again", withStack(async ({ stack, listen }) => {
  let failures = 0;
  const token = () => {
    if (++failures <= 4) throw new Error("no session");
    return "token";
  };
  const listener = listen({ channels: { [A]: 0 }, token });
  await until(() => listener.state === "live");
  assert.deepEqual(listener.errors.map(({ code, detail }) => [code, detail]), [["token_failed", "Error: no session"]]);
  assert.deepEqual([stack.handshakes.length, stack.polls.length], [1, 0]);
}));

test("an expired token is a reason to connect again", withStack(async ({ stack, listen }) => {
  const codes = ["expired_token", "connection_gone"];
  stack.onFrame = ({ ref }, socket) => {
    const code = codes.shift();
    return code && (socket.send({ type: "error", code, detail: "", ref }), true);
  };
  const { loads, errors } = listen({ channels: { [A]: 0 } });
  await until(() => loads[A] === 1);
  assert.deepEqual([stack.handshakes.length, stack.polls.length, errors], [3, 0, []]);
}));

test("one action at a time on a channel, however often it is left and joined", withStack(async ({ stack, listen }) => {
  const underWay = new Set();
  let overlaps = 0;
  stack.onFrame = (frame, socket) => {
    if (underWay.has(frame.channel)) overlaps++;
    underWay.add(frame.channel);
    setTimeout(() => {
      underWay.delete(frame.channel);
      stack.answer(frame, socket);
    }, 15);
    return true;
  };
  stack.append(A, 3);
  const listener = listen();
  for (let round = 0; round < 6; round++) {
    listener.subscribe(A, { after: 1 });
    await sleep(round * 6);
    if (round < 5) listener.subscriptions[A].unsubscribe();
  }
  await until(() => listener.seqs[A].length === 2);
  stack.send(A);
  await until(() => listener.seqs[A].length === 3);
  assert.deepEqual([listener.seqs[A], overlaps, listener.errors], [[2, 3, 4], 0, []]);
  listener.subscriptions[A].unsubscribe();
  await until(() => [...stack.sockets].every(({ channels }) => !channels.has(A)));
  stack.send(A);
  await sleep(30);
  assert.deepEqual([listener.seqs[A], listener.state], [[2, 3, 4], "live"]);
}));

test("no more than four questions are under way at once", withStack(async ({ stack, listen }) => {
  let underWay = 0;
  let most = 0;
  stack.onFrame = (frame, socket) => {
    most = Math.max(most, ++underWay);
    setTimeout(() => (underWay--, stack.answer(frame, socket)), 5);
    return true;
  };
  const names = upTo(30).map((n) => `topic:${n}`);
  const { loads } = listen({ channels: Object.fromEntries(names.map((name) => [name, 0])) });
  await until(() => names.every((name) => loads[name]));
  assert.equal(most, 4);
}));

test("channels with many pages to come let the others have their turn", withStack(async ({ stack, listen }) => {
  stack.page = 5;
  const names = upTo(6).map((n) => `topic:${n}`);
  for (const name of names) stack.append(name, 100);
  const { loads } = listen({ channels: Object.fromEntries(names.map((name) => [name, 0])) });
  await until(() => names.every((name) => loads[name]));
  const turns = names.map((name) => stack.frames.findIndex(({ channel }) => channel === name));
  assert.ok(turns.every((turn) => turn < 12), `${turns}`);
}));
