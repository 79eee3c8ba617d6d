// Several tabs: the choice of the one with the socket, and the cost of the others.

import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "./world.js";

const HOUR = 3_600_000;
/** The time in milliseconds until another tab has taken over. */
const LATEST = 5_000;
const OTHER = "topic:other";

/** A world with tabs that are connected and have caught up. */
function tabs(body, options = {}) {
  return async () => {
    const world = new World({ after: 0, transport: "auto", before: 2, tabs: 3, timing: { replace: [9 * HOUR, 9 * HOUR] }, ...options });
    try {
      await live(world, 4_000);
      await body(world);
    } finally {
      world.end();
    }
  };
}

const open = (world) => world.wires.filter(({ readyState }) => readyState === 1);

/** Winds the clock while the server answers. Returns the frames that came to the server. */
async function live(world, time, step = 100) {
  const asked = [];
  for (const end = world.clock.now + time; world.clock.now < end; ) {
    for (const wire of world.wires) {
      wire.opens(true);
      asked.push(...wire.questions);
      while (wire.questions.length) serve(world, wire);
      while (wire.answers.some((answer) => answer.length)) wire.answer(0);
      for (let frames = wire.frames.length; frames > 0; frames--) wire.arrive();
    }
    await world.clock.wind(Math.min(step, end - world.clock.now));
  }
  return asked;
}

/** Answers as the world does, and for another channel, which is empty. */
function serve(world, wire) {
  const [{ action, channel, ref }] = wire.questions;
  if (channel !== OTHER) return world.serve(wire, "well");
  wire.questions.shift();
  wire.frames.push(action === "subscribe" ? { type: "subscribed", channel, seq: 0, recovered: true, more: false, ref } : { type: "unsubscribed", channel, ref });
}

function hasAll(world) {
  for (const { seen } of world.tabs) assert.deepEqual(seen.map(({ seq }) => seq), Array.from({ length: world.log.newest }, (_, n) => n + 1));
}

/** Subscribes to another channel in a tab. */
function subscribe(tab) {
  let subscription;
  tab.run(() => (subscription = tab.tidings.subscribe(OTHER, { after: 0, onNotification: () => {} })));
  return { leave: () => tab.run(() => subscription.unsubscribe()) };
}

const frames = (asked, channel) => asked.filter((frame) => frame.channel === channel).map(({ action }) => action);

test("three tabs have one connection, and each gets everything", tabs(async (world) => {
  assert.equal(world.wires.length, 1);
  await world.happen(["publish", ["arrives", "doubles"]]);
  await live(world, 1_000);
  hasAll(world);
}));

test("tabs that are not to share have a connection each", tabs(async (world) => {
  assert.equal(open(world).length, 3);
}, { shared: false }));

test("tabs of two users, or of two stacks, share nothing", async () => {
  const text = (claims) => `e30.${btoa(JSON.stringify(claims))}.`;
  const token = (claims) => ({ token: () => text(claims) });
  const one = token({ sub: "alice", exp: 1 });
  for (const [first, other, count] of [
    [one, token({ sub: "alice", exp: 2, iat: 1 }), 1],
    [one, token({ sub: "bob", exp: 1 }), 2],
    [one, token({ sub: "alice", exp: 1, subscribe: ["order:1"] }), 2],
    [one, { ...one, websocket: "wss://another" }, 2],
    // A token that nobody renews ends, and must not end the others' connection.
    [{ token: text({ sub: "alice", exp: 1 }) }, { token: text({ sub: "alice", exp: 2 }) }, 2],
    [{ token: text({ sub: "alice", exp: 1 }) }, { token: text({ sub: "alice", exp: 1 }) }, 1],
  ]) {
    await tabs(async (world) => assert.equal(open(world).length, count, JSON.stringify(other)), { each: [first, other], tabs: 2 })();
  }
});

test("where a page may have no locks it connects by itself", async () => {
  await tabs(async (world) => assert.equal(open(world).length, 2), { refusesLocks: true, tabs: 2 })();
});

test("a tab that follows costs no frame on the wire", tabs(async (world) => {
  await live(world, HOUR, 2_000);
  const asked = await live(world, HOUR, 2_000);
  assert.ok(2 * asked.length <= 30 && asked.every(({ action }) => action === "ping"), `${asked.length} frames`);
}));

for (const [what, lose] of [
  ["closed", (world, tab) => world.close(tab)],
  ["frozen", (_, tab) => (tab.isFrozen = true)],
]) {
  test(`when the tab that leads is ${what}, another takes over within 5 s`, tabs(async (world) => {
    const [wire] = open(world);
    const others = world.tabs.filter((tab) => tab !== wire.tab);
    lose(world, wire.tab);
    world.log.append();
    await live(world, LATEST);
    for (const { seen } of others) assert.deepEqual(seen.map(({ seq }) => seq), [1, 2, 3]);
    // A tab that resumes learns at once that another leads.
    wire.tab.isFrozen = false;
    await live(world, 300);
    assert.equal(wire.readyState > 1, true);
    world.push(world.log.append(), "arrives");
    await live(world, 2_000);
    assert.equal(open(world).length, 1);
    hasAll(world);
  }));
}

test("a channel is left when the last tab has left it, and not before", tabs(async (world) => {
  const [wire] = open(world);
  const [follower, another] = world.tabs.filter((tab) => tab !== wire.tab);
  const all = [wire.tab, follower, another].map(subscribe);
  assert.deepEqual(frames(await live(world, 2_000), OTHER), ["subscribe", "subscribe", "subscribe"]);
  for (const one of all.slice(0, 2)) one.leave();
  assert.deepEqual(frames(await live(world, 4_000), OTHER), []);
  all[2].leave();
  assert.deepEqual(frames(await live(world, 4_000), OTHER), ["unsubscribe"]);
  // The last one may be the leader.
  const [mine, theirs] = [subscribe(wire.tab), subscribe(follower)];
  await live(world, 2_000);
  theirs.leave();
  assert.deepEqual(frames(await live(world, 4_000), OTHER), []);
  mine.leave();
  assert.deepEqual(frames(await live(world, 4_000), OTHER), ["unsubscribe"]);
}));

test("a channel that two tabs leave and join at the same time is joined in the end", tabs(async (world) => {
  const [wire] = open(world);
  const follower = world.tabs.find((tab) => tab !== wire.tab);
  const mine = subscribe(wire.tab);
  await live(world, 2_000);
  mine.leave();
  subscribe(follower);
  await world.clock.wind(10);
  const asked = frames(await live(world, 6_000), OTHER);
  assert.equal(asked.at(-1), "subscribe");
  assert.deepEqual(asked.slice(0, 2), ["unsubscribe", "subscribe"]);
  // The server may have done these two in either order.
  assert.ok(asked.length > 2, `${asked}`);
}));

test("a channel that a follower has left and another joins before the server knows is joined in the end", tabs(async (world) => {
  const [wire] = open(world);
  const [follower, another] = world.tabs.filter((tab) => tab !== wire.tab);
  const theirs = subscribe(follower);
  await live(world, 2_000);
  theirs.leave();
  // The leader has sent that it leaves, and the server has not answered.
  await world.clock.wind(1_500);
  assert.deepEqual(frames(wire.questions, OTHER), ["unsubscribe"]);
  subscribe(another);
  await world.clock.wind(10);
  const asked = frames(await live(world, 6_000), OTHER);
  // The server may have done the first two in either order, so the channel is joined once more.
  assert.deepEqual(asked.slice(0, 3), ["unsubscribe", "subscribe", "subscribe"]);
}));

test("a follower whose page was put aside gets what came meanwhile", tabs(async (world) => {
  const [wire] = open(world);
  const follower = world.tabs.find((tab) => tab !== wire.tab);
  await live(world, 5_000);
  follower.isFrozen = follower.isAside = true;
  world.push(world.log.append(), "arrives");
  await live(world, 60_000);
  follower.isFrozen = follower.isAside = false;
  await live(world, 20_000);
  hasAll(world);
}));

test("a tab that is frozen for long keeps no channel, and has it when it goes on", tabs(async (world) => {
  const [wire] = open(world);
  const follower = world.tabs.find((tab) => tab !== wire.tab);
  subscribe(follower);
  await live(world, 2_000);
  follower.isFrozen = true;
  assert.deepEqual(frames(await live(world, 300_000, 500), OTHER), ["unsubscribe"]);
  follower.isFrozen = false;
  assert.deepEqual(frames(await live(world, 6_000), OTHER), ["subscribe"]);
  hasAll(world);
}));

test("a follower that finds no network has the leader check its socket", tabs(async (world) => {
  const [wire] = open(world);
  const follower = world.tabs.find((tab) => tab !== wire.tab);
  follower.run(() => void follower.subscription.read(1).catch(() => {}));
  await world.clock.settle();
  world.polls.splice(0).forEach(({ reject }) => reject(new TypeError("network")));
  await world.clock.wind(500);
  assert.deepEqual(wire.questions.map(({ action }) => action), ["ping"]);
}));

test("where sockets are blocked all tabs poll, and share one again as soon as there is one", tabs(async (world) => {
  for (const wire of open(world)) wire.cut();
  for (let round = 0; round < 60; round++) {
    for (const wire of world.wires) wire.opens(false);
    world.servePoll("well");
    world.arrivePoll();
    await world.clock.wind(1_000);
  }
  world.log.append();
  for (let n = 0; n < 60; n++) {
    for (const wire of world.wires) wire.opens(false);
    world.servePoll("well");
    world.arrivePoll();
    await world.clock.wind(50);
  }
  hasAll(world);
  await live(world, 400_000, 500);
  assert.equal(open(world).length, 1);
  world.push(world.log.append(), "arrives");
  await live(world, 1_000);
  hasAll(world);
  assert.equal(world.polls.length, 0);
}));

