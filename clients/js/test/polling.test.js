import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, upTo, withStack } from "./listener.js";

const A = "topic:a";
const INBOX = "user:alice@example.org";
const problem = (status, code, more) => ({ type: "about:blank", title: code, status, code, detail: `${code}!`, ...more });

test("without a socket's address it polls long, with encoded cursors and the token", withStack(async ({ stack, listen }) => {
  stack.append(A, 60);
  stack.append(INBOX, 2);
  const channels = { [A]: null, [INBOX]: 1 };
  const listener = listen({ channels, websocket: undefined, token: async () => "a.b.c" });
  await until(() => listener.loads[A] && listener.loads[INBOX]);
  assert.deepEqual([listener.seqs[A], listener.seqs[INBOX]], [upTo(60, 11), [2]]);
  assert.equal(listener.subscriptions[INBOX].unread, 2);
  await until(() => stack.polls.at(-1).wait === 1);
  stack.append(A);
  await until(() => listener.seqs[A].at(-1) === 61);
  const [first] = stack.polls;
  assert.deepEqual([first.cursors, first.wait, first.token], [[A, `${INBOX}:1`], 0, "a.b.c"]);
  await until(() => stack.polls.at(-1).cursors[0] === `${A}:61`);
  assert.deepEqual([listener.states, stack.handshakes.length], [["connecting", "polling"], 0]);
}));

test("more than ten channels go in several requests at once", withStack(async ({ stack, listen }) => {
  const names = upTo(23).map((n) => `topic:${n}`);
  for (const name of names) stack.append(name, 2);
  const { loads, seqs } = listen({ channels: Object.fromEntries(names.map((name) => [name, 0])), transport: "long-poll" });
  await until(() => names.every((name) => loads[name]));
  const waiting = () => stack.polls.filter(({ wait }) => wait);
  await until(() => waiting().length === 3);
  assert.deepEqual(waiting().map(({ cursors }) => cursors.length).sort(), [10, 10, 3].sort());
  stack.append("topic:23");
  await until(() => seqs["topic:23"].length === 3);
  assert.equal(stack.handshakes.length, 0);
}));

test("short polls repeat, and do not wait at the server", withStack(async ({ stack, listen }) => {
  const { seqs, loads } = listen({ channels: { [A]: 0 }, transport: "poll", pollInterval: 40 });
  await until(() => loads[A]);
  stack.append(A, 3);
  await until(() => seqs[A].length === 3);
  await until(() => stack.polls.length === 8);
  assert.ok(stack.polls.every(({ wait }) => wait === 0));
  const pauses = stack.polls.slice(1).map(({ at }, index) => at - stack.polls[index].at);
  assert.ok(pauses.every((pause) => pause >= 29 && pause < 1_000), `${pauses}`);
  assert.equal(stack.handshakes.length, 0);
}));

test("more than a page is asked for at once", withStack(async ({ stack, listen }) => {
  stack.append(A, 230);
  const { seqs, loads } = listen({ channels: { [A]: 0 }, transport: "poll", pollInterval: 60_000 });
  await until(() => loads[A]);
  assert.deepEqual(seqs[A], upTo(230));
  assert.deepEqual(stack.polls.map(({ cursors: [cursor] }) => cursor), [0, 50, 100, 150, 200].map((seq) => `${A}:${seq}`));
}));

test("an answer with a seq past its last item, and an empty answer with `more`", withStack(async ({ stack, listen }) => {
  const pages = [{ seq: 7, more: false }, { seq: 7, more: true }, { seq: 7, more: true }];
  stack.onPoll = ({ cursors: [cursor] }, answer) => {
    const page = pages.shift();
    if (!page) return false;
    assert.ok(page.more === false || cursor === `${A}:7`);
    answer(200, { channels: [{ channel: A, recovered: true, items: [], ...page }] });
    return true;
  };
  stack.append(A, 7);
  const { subscriptions, seqs } = listen({ channels: { [A]: 3 }, transport: "long-poll", timing: { gap: [50, 60] } });
  await until(() => subscriptions[A].seq === 7);
  await until(() => stack.polls.length === 4);
  assert.ok(stack.polls[3].at - stack.polls[1].at >= 95, "it asked at once");
  assert.deepEqual(seqs[A], []);
}));

test("a loss and a reset are reported once, though every answer repeats the loss", withStack(async ({ stack, listen }) => {
  stack.append(A, 9);
  stack.logs.get(A).rows = [];
  stack.onPoll = ({ cursors }, answer) => {
    if (cursors[0] !== `${A}:9`) return false;
    answer(200, { channels: [{ channel: A, seq: 9, recovered: false, more: false, items: [] }] });
    return true;
  };
  stack.append("topic:b", 2);
  const { gaps } = listen({ channels: { [A]: 9, "topic:b": 41 }, transport: "long-poll", pollInterval: 20 });
  await until(() => stack.polls.length >= 4);
  assert.deepEqual(gaps[A], [{ after: 9, seq: 9, reset: false }]);
  assert.deepEqual(gaps["topic:b"], []);
  stack.onPoll = () => false;
  await until(() => gaps["topic:b"].length);
  assert.deepEqual(gaps["topic:b"], [{ after: 41, seq: 2, reset: true }]);
}));

test("it waits as long as Retry-After says", withStack(async ({ stack, listen }) => {
  stack.onPoll = ({ number }, answer) =>
    number <= 2 && (answer(number === 1 ? 503 : 429, problem(503, "unavailable"), { "retry-after": "1" }), true);
  stack.append(A, 2);
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll" });
  await until(() => listener.seqs[A].length === 2);
  const pauses = [1, 2].map((index) => stack.polls[index].at - stack.polls[index - 1].at);
  assert.ok(pauses.every((pause) => pause >= 995 && pause < 3_000), `${pauses}`);
  assert.deepEqual([listener.errors, listener.states], [[], ["connecting", "offline", "polling"]]);
}));

test("while too many of the user's polls wait, it polls without waiting, and goes on", withStack(async ({ stack, listen }) => {
  let refused = 0;
  stack.onPoll = ({ wait }, answer) => {
    if (!wait || refused === 2) return false;
    refused++;
    answer(429, problem(429, "too_many_polls"), { "retry-after": "1" });
    return true;
  };
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll", pollInterval: 60 });
  await until(() => refused === 1);
  stack.append(A, 2);
  await until(() => listener.seqs[A].length === 2);
  await until(() => stack.polls.filter(({ wait }) => wait).length === 3);
  const waiting = stack.polls.flatMap(({ wait }, index) => (wait ? [index] : []));
  for (const [from, to] of [waiting.slice(0, 2), waiting.slice(1)]) {
    const passed = stack.polls[to].at - stack.polls[from].at;
    assert.ok(passed >= 1_995 && passed < 4_000, `asked to wait again after ${passed} ms`);
    assert.ok(to - from > 10 && to - from < 60, `${to - from - 1} polls meanwhile`);
  }
  stack.append(A);
  await until(() => listener.seqs[A].length === 3);
  assert.deepEqual([listener.errors, listener.states], [[], ["connecting", "polling"]]);
}));

test("where the server lets no poll wait, it asks at the pace of polls", withStack(async ({ stack, listen }) => {
  stack.append(A);
  stack.onPoll = (poll, answer) => (answer(200, { channels: [{ channel: A, ...stack.read(A, 1) }] }), true);
  listen({ channels: { [A]: 1 }, transport: "long-poll", pollInterval: 200 });
  await until(() => stack.polls.length === 5);
  const pauses = stack.polls.slice(2).map(({ at }, index) => at - stack.polls[index + 1].at);
  assert.ok(pauses.every((pause) => pause >= 145 && pause < 2_000), `${pauses}`);
}));

test("after a failure without Retry-After it waits with jitter", withStack(async ({ stack, listen }) => {
  stack.onPoll = ({ number }, answer) => number <= 5 && (answer(500, { message: "Internal Server Error" }), true);
  stack.append(A, 2);
  const { seqs, errors } = listen({ channels: { [A]: 0 }, transport: "long-poll", timing: { retry: [1_000, 100] } });
  await until(() => seqs[A].length === 2);
  assert.ok(stack.polls[5].at - stack.polls[0].at >= 50, "it does not wait");
  assert.deepEqual(errors, []);
}));

test("a success ends the growing of waits", withStack(async ({ stack, listen, context }) => {
  let failures = 12;
  let chance = 0;
  context.mock.method(Math, "random", () => chance);
  stack.onPoll = (poll, answer) => failures > 0 && (failures--, answer(500, {}), true);
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll", timing: { retry: [20, 600_000] } });
  await until(() => listener.state === "polling");
  [failures, chance] = [1, 0.9];
  stack.append(A);
  await until(() => listener.state === "offline");
  await until(() => listener.state === "polling");
}));

test("a 401 is tried again with another token, and reported once if that does not help", withStack(async ({ stack, listen }) => {
  let tokens = 0;
  let good = ["t2"];
  stack.onPoll = ({ token }, answer) => !good.includes(token) && (answer(401, problem(401, "expired_token")), true);
  stack.append(A);
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll", token: () => `t${++tokens}` });
  // Refused, answered, and held with a good token.
  await until(() => listener.seqs[A].length === 1 && stack.polls.length === 3);
  assert.deepEqual([tokens, listener.errors], [2, []]);
  good = ["t8"];
  stack.append(A);
  await until(() => listener.seqs[A].length === 2);
  stack.append(A);
  await until(() => listener.seqs[A].length === 3);
  assert.deepEqual(listener.errors.map(({ code, status, detail }) => [code, status, detail]), [
    ["expired_token", 401, "expired_token!"],
  ]);
  assert.equal(tokens, 8);
}));

test("a refused channel is reported and given up, the others go on", withStack(async ({ stack, listen }) => {
  stack.onPoll = ({ cursors }, answer) => {
    const at = cursors.findIndex((cursor) => cursor.startsWith("topic:x") || cursor.startsWith("Bad"));
    if (at < 0) return false;
    const [status, code] = cursors[at].startsWith("Bad") ? [400, "invalid_request"] : [403, "forbidden"];
    answer(status, problem(status, code, { field: `channel[${at}]` }));
    return true;
  };
  stack.append(A, 2);
  const listener = listen({ channels: { "Bad": 0, [A]: 0, "topic:x": 0 }, transport: "long-poll" });
  await until(() => listener.seqs[A].length === 2 && listener.errors.length === 2);
  assert.deepEqual(listener.errors.map(({ code, status, channel }) => [code, status, channel]), [
    ["invalid_request", 400, "Bad"],
    ["forbidden", 403, "topic:x"],
  ]);
}));

test("another set of channels ends a waiting long poll and begins one", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll", timing: { poll: 20_000 } });
  const waiting = () => stack.polls.at(-1);
  await until(() => waiting()?.wait === 20);
  const first = stack.polls.length;
  stack.append("topic:b", 2);
  listener.subscribe("topic:b", { after: 0 });
  listener.subscribe("topic:c", { after: 0 });
  await until(() => listener.seqs["topic:b"].length === 2);
  await until(() => waiting().wait === 20 && waiting().cursors.length === 3);
  assert.ok(stack.polls.length <= first + 3, `${stack.polls.length - first} polls`);
  listener.subscriptions["topic:b"].unsubscribe();
  await until(() => waiting().cursors.length === 2);
  stack.append("topic:b");
  stack.append(A);
  await until(() => listener.seqs[A].length === 1);
  assert.equal(listener.seqs["topic:b"].length, 2);
}));

test("a channel whose application is slow holds up no other", withStack(async ({ stack, listen }) => {
  stack.append(A, 400);
  const listener = listen({ channels: { "topic:b": 0 }, transport: "long-poll", timing: { poll: 20_000 } });
  const gate = {};
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const { seqs } = listener;
  listener.subscribe(A, { after: 0, onNotification: async ({ seq }) => (await gate.opened, seqs[A].push(seq)) });
  await until(() => stack.polls.at(-1)?.cursors.length === 1 && stack.polls.at(-1).wait === 20);
  const asked = stack.polls.flatMap(({ cursors }) => cursors.filter((cursor) => cursor.startsWith(A)));
  assert.deepEqual(asked.at(-1), `${A}:100`);
  stack.append("topic:b");
  await until(() => seqs["topic:b"].length === 1);
  gate.open();
  await until(() => seqs[A].length === 400);
  assert.deepEqual(seqs[A], upTo(400));
}));

test("while no application can take more, nothing is asked", withStack(async ({ stack, listen }) => {
  stack.append(A, 400);
  const listener = listen({ transport: "poll", pollInterval: 10 });
  const gate = {};
  gate.opened = new Promise((resolve) => (gate.open = resolve));
  const { seqs } = listener;
  listener.subscribe(A, { after: 0, onNotification: async ({ seq }) => (await gate.opened, seqs[A].push(seq)) });
  await until(() => stack.polls.length === 3);
  await sleep(80);
  assert.equal(stack.polls.length, 3);
  gate.open();
  await until(() => seqs[A].length === 400);
  assert.deepEqual(seqs[A], upTo(400));
}));

test("where handshakes are refused it polls, and comes back to a socket as soon as one works", withStack(async ({ stack, listen }) => {
  let blocked = true;
  stack.onHandshake = () => blocked && 403;
  const listener = listen({ channels: { [A]: 0, "topic:b": null } });
  await until(() => listener.state === "polling");
  assert.equal(stack.handshakes.length, 3);
  const sender = setInterval(() => stack.send(A), 3);
  await until(() => stack.handshakes.length >= 5 && listener.seqs[A].length > 10);
  const waits = stack.handshakes.slice(3).map(({ at }, index) => at - stack.handshakes[index + 2].at);
  assert.ok(waits.every((wait) => wait >= 55), `tried again after ${waits}`);
  blocked = false;
  // The new socket is slow to answer: until then polling goes on.
  let polledMeanwhile = 0;
  stack.onFrame = (frame, socket) => {
    const before = stack.polls.length;
    setTimeout(() => ((polledMeanwhile += stack.polls.length - before), stack.answer(frame, socket)), 100);
    return true;
  };
  await until(() => listener.state === "live");
  assert.ok(polledMeanwhile > 2, `${polledMeanwhile} polls while the socket resumed`);
  const { after } = stack.frames.find(({ channel }) => channel === A);
  assert.ok(after > 10, `resumed from ${after}`);
  const polls = stack.polls.length;
  await sleep(100);
  clearInterval(sender);
  assert.equal(stack.polls.length, polls);
  const { newest } = stack.log(A);
  await until(() => listener.seqs[A].at(-1) === newest);
  assert.deepEqual(listener.seqs[A], upTo(newest));
  assert.deepEqual([listener.states, listener.loads[A]], [["connecting", "offline", "polling", "live"], 1]);
}));

test("where handshakes hang, it polls", withStack(async ({ stack, listen }) => {
  stack.onHandshake = () => "hang";
  const listener = listen({ channels: { [A]: 0 }, timing: { connect: 150, upgrade: [60_000, 60_000] } });
  await until(() => listener.state === "polling");
  assert.deepEqual([stack.handshakes.length, listener.states], [3, ["connecting", "offline", "polling"]]);
  stack.append(A);
  await until(() => listener.seqs[A].length === 1);
}));

test("a slow token is no sign of blocked sockets", withStack(async ({ stack, listen }) => {
  const token = () => sleep(120, "token");
  const listener = listen({ channels: { [A]: 0 }, token, timing: { connect: 60 } });
  await until(() => listener.state === "live");
  assert.deepEqual([stack.handshakes.length, stack.polls.length, listener.states], [1, 0, ["connecting", "live"]]);
}));

test("where a socket opens but lets no frame pass, it polls", withStack(async ({ stack, listen }) => {
  stack.onFrame = () => true;
  const listener = listen({ channels: { [A]: 0 }, timing: { pong: 60, answer: [5_000, 5_000], upgrade: [60_000, 60_000] } });
  await until(() => listener.state === "polling");
  assert.deepEqual([stack.handshakes.length, stack.frames.map(({ action }) => action)], [
    3,
    Array(3).fill(["subscribe", "ping"]).flat(),
  ]);
}));

test("a refused poll is no reason to give up polling where it has worked", withStack(async ({ stack, listen }) => {
  stack.onHandshake = () => 403;
  const listener = listen({ channels: { [A]: 0 }, timing: { upgrade: [60_000, 60_000] } });
  await until(() => listener.state === "polling");
  const handshakes = stack.handshakes.length;
  let refused = 0;
  stack.onPoll = (poll, answer) => refused < 3 && (refused++, answer(429, { message: "Too Many Requests" }), true);
  stack.append(A);
  await until(() => refused === 3 && listener.seqs[A].length === 1 && listener.state === "polling");
  assert.equal(stack.handshakes.length, handshakes);
}));

test("handshakes that fail in one bad moment are no reason to poll", withStack(async ({ stack, listen }) => {
  stack.onHandshake = () => 503;
  const { states } = listen({ channels: { [A]: 0 }, timing: { blocked: 400 } });
  await until(() => stack.polls.length);
  assert.ok(stack.handshakes.length > 3 && stack.polls[0].at - stack.handshakes[0].at >= 400);
  assert.deepEqual(states.slice(0, 2), ["connecting", "offline"]);
}));

test("where HTTP does not work either it does not poll, and comes back when the server wants", withStack(async ({ stack, listen }) => {
  stack.onHandshake = () => 503;
  stack.onPoll = (poll, answer) => (answer(429, { message: "Too Many Requests" }, { "retry-after": "1" }), true);
  // No socket is tried beside a poll whose answer is late.
  const listener = listen({ channels: { [A]: 0 }, timing: { upgrade: [30_000, 30_000] } });
  await until(() => stack.polls.length);
  const [{ at }] = stack.polls;
  const before = stack.handshakes.length;
  await until(() => stack.handshakes.length > before);
  const back = stack.handshakes[before].at;
  assert.ok(back - at >= 990, `came back after ${back - at} ms`);
  assert.deepEqual([listener.states, stack.polls.filter((poll) => poll.at < back).length], [["connecting", "offline"], 1]);
}));

for (const after of [`${40 * 86_400}`, () => new Date(Date.now() + 40 * 86_400_000).toUTCString()]) {
  test(`the client leaves a server alone for as long as it asks: ${typeof after}`, withStack(async ({ stack, listen }) => {
    const headers = () => ({ "retry-after": typeof after === "string" ? after : after() });
    stack.onPoll = (poll, answer) => (answer(503, {}, headers()), true);
    listen({ channels: { [A]: 0 }, transport: "long-poll" });
    await until(() => stack.polls.length);
    await sleep(200);
    assert.equal(stack.polls.length, 1);
  }));
}

test("where sockets have worked, a short outage is no reason to poll, and a long one is", withStack(async ({ stack, listen }) => {
  const listener = listen({ channels: { [A]: 0 } });
  await until(() => listener.state === "live");
  let refused = 0;
  let most = 4;
  stack.onHandshake = () => refused < most && (refused++, 503);
  for (const socket of stack.sockets) socket.cut();
  await until(() => listener.states.length > 3 && listener.state === "live");
  assert.deepEqual([stack.polls.length, listener.states.slice(2)], [0, ["connecting", "offline", "live"]]);
  [refused, most] = [0, 6];
  for (const socket of stack.sockets) socket.cut();
  let refusedBefore;
  stack.onPoll = () => void (refusedBefore ??= refused);
  await until(() => listener.state === "polling" && stack.polls.length);
  assert.equal(refusedBefore, 5);
  await until(() => listener.state === "live");
}));

test("with transport `socket` it never polls", withStack(async ({ stack, listen }) => {
  stack.onHandshake = () => 503;
  listen({ channels: { [A]: 0 }, transport: "socket" });
  await until(() => stack.handshakes.length === 7);
  assert.equal(stack.polls.length, 0);
}));

test("a network that is down is not given up", withStack(async ({ stack, listen }) => {
  let down = true;
  const fetch = (...call) => (down ? Promise.reject(new TypeError("fetch failed")) : globalThis.fetch(...call));
  const listener = listen({ channels: { [A]: 0 }, transport: "long-poll", fetch });
  await until(() => listener.state === "offline");
  await sleep(50);
  down = false;
  stack.append(A);
  await until(() => listener.seqs[A].length === 1);
  assert.deepEqual([listener.errors, listener.states], [[], ["connecting", "offline", "polling"]]);
  await until(() => stack.polls.at(-1).wait === 1);
  stack.http.closeAllConnections();
  await until(() => listener.loads[A] === 2);
  assert.deepEqual(listener.states.slice(3), ["offline", "polling"]);
}));

test("reading is tried again while the server cannot, and fails where it must not", withStack(async ({ stack, listen }) => {
  const answers = [[503, { code: "unavailable" }], [200, { channel: INBOX, seq: 2, unread: 0 }], [403, { code: "forbidden", detail: "no" }]];
  const fetch = async (url, init) => {
    if (!url.endsWith("/read")) return globalThis.fetch(url, init);
    assert.deepEqual([init.method, init.body, url.slice(stack.urls.http.length)], [
      "POST", '{"seq":2}', "/v1/channels/user%3Aalice%40example.org/read",
    ]);
    const [status, body] = answers.shift();
    return Response.json(body, { status });
  };
  stack.append(INBOX, 2);
  const { subscriptions, loads } = listen({ channels: { [INBOX]: 0 }, transport: "long-poll", fetch });
  await until(() => loads[INBOX]);
  await subscriptions[INBOX].read();
  assert.equal(subscriptions[INBOX].unread, 0);
  await assert.rejects(subscriptions[INBOX].read(), { code: "forbidden", status: 403 });
}));
