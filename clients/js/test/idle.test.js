// An idle connection: its cost, and the time until the client notices its death.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Http } from "../build/http.js";
import { World } from "./world.js";

const HOUR = 3_600_000;

/** A world with a client that is connected and has caught up, in a page or not. */
function connected(body, { document, replace = 9 * HOUR } = {}) {
  return async () => {
    if (document) globalThis.document = document;
    const world = new World({ after: 0, transport: "socket", before: 0, timing: { replace: [replace, replace] } });
    try {
      await world.happen(["wait", 10]);
      await world.happen(["connect", true]);
      await live(world, 100);
      await body(world, world.wires.at(-1));
    } finally {
      world.end();
      delete globalThis.document;
    }
  };
}

/** Winds the clock while the server answers. Returns the times of the pings. */
async function live(world, time, step = 500) {
  const pings = [];
  for (const end = world.clock.now + time; world.clock.now < end; ) {
    for (const wire of world.wires) {
      if (wire.questions.some(({ action }) => action === "ping")) pings.push(world.clock.now);
      while (wire.questions.length) world.serve(wire, "well");
      while (wire.answers.some((answer) => answer.length)) wire.answer(0);
      while (wire.frames.length) wire.arrive();
    }
    await world.clock.wind(Math.min(step, end - world.clock.now));
  }
  return pings;
}

test("an idle connection has at most 30 frames an hour, and never ten minutes without one", connected(async (world) => {
  await live(world, HOUR);
  const pings = await live(world, HOUR);
  assert.ok(2 * pings.length <= 30 && pings.length >= 7, `${pings.length} pings`);
}));

test("an occasional frame makes pings no more frequent; a loss does", connected(async (world, wire) => {
  await live(world, HOUR);
  let pings = 0;
  for (let minute = 0; minute < 60; minute += 6) {
    await world.happen(["publish", ["arrives"]]);
    pings += (await live(world, 360_000)).length;
  }
  assert.ok(2 * pings <= 30, `${pings} pings an hour`);
  wire.cut();
  await live(world, 5_000);
  await world.happen(["connect", true]);
  assert.ok((await live(world, 120_000)).length >= 2);
}));

test("a socket that replaces another pings no more often; after a loss the next one does", connected(async (world, wire) => {
  await live(world, HOUR + 1_000);
  await world.happen(["connect", true]);
  const replaced = world.clock.now;
  const pings = await live(world, HOUR / 2);
  assert.deepEqual(world.wires.map(({ readyState }) => readyState), [2, 1]);
  assert.notEqual(world.wires.at(-1), wire);
  assert.ok(pings[0] - replaced >= 225_000 && pings.length <= 8, `${pings.map((ping) => ping - replaced)}`);
  world.wires.at(-1).cut();
  await live(world, 5_000);
  await world.happen(["connect", true]);
  assert.ok((await live(world, 120_000)).length >= 2);
}, { replace: HOUR }));

test("a machine that wakes finds out within 15 s that its connection is dead", connected(async (world, wire) => {
  await live(world, HOUR);
  world.clock.now += HOUR;
  const woken = world.clock.now;
  while (wire.readyState === 1) await world.clock.wind(500);
  assert.ok(world.clock.now - woken <= 15_000, `${world.clock.now - woken} ms`);
}));

const page = Object.assign(new EventTarget(), { visibilityState: "visible" });

test("a page that is hidden and seen again every few seconds notices a dead connection all the same", connected(async (world, wire) => {
  await live(world, HOUR);
  const died = world.clock.now;
  for (; wire.readyState === 1 && world.clock.now - died < 60_000; await world.clock.wind(3_000)) {
    for (page.visibilityState of ["hidden", "visible"]) world.tab.run(() => page.dispatchEvent(new Event("visibilitychange")));
  }
  assert.ok(world.clock.now - died <= 15_000, `${world.clock.now - died} ms`);
}, { document: page }));

test("the late timers of a page that nobody sees are no sign of sleep", connected(async (world) => {
  await live(world, HOUR);
  page.visibilityState = "hidden";
  // Browsers let a hidden page's timers fire once a minute.
  const pings = await live(world, HOUR, 60_000);
  assert.ok(pings.length <= 15, `${pings.length} pings`);
}, { document: page }));

test("a call that finds no network has the connection looked at", connected(async (world, wire) => {
  await live(world, HOUR);
  const reading = world.tab.subscription.read(1).catch(() => {});
  await world.clock.settle();
  world.polls.splice(0).forEach(({ reject }) => reject(new TypeError("network")));
  await world.clock.wind(500);
  assert.deepEqual(wire.questions.map(({ action }) => action), ["ping"]);
  world.tab.tidings.close();
  await world.clock.wind(HOUR);
  void reading;
}));

test("a token is used without the newline behind it, and a source that hangs is given up", async (context) => {
  const http = new Http({ http: "https://tidings", token: async () => "a.b.c\n" });
  assert.equal(await http.token(), "a.b.c");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const hangs = new Http({ http: "https://tidings", token: () => new Promise(() => {}) }).token();
  await new Promise(setImmediate);
  context.mock.timers.tick(15_000);
  await assert.rejects(hangs, { code: "token_failed" });
});
