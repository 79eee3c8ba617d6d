// Random worlds. Whatever the server, the network and the application do, the application sees each notification exactly
// once and in order, and sees all of them in the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { World } from "./world.js";

const RUNS = Number(process.env.MODEL_RUNS ?? 250);
/** Worlds with several tabs take longer. */
const FEWER = Math.ceil(RUNS / 2);

const push = fc.oneof(
  { weight: 4, arbitrary: fc.constant("arrives") },
  fc.constantFrom("doubles", "is lost", "is late"),
);
const serve = fc.oneof(
  { weight: 6, arbitrary: fc.constant("well") },
  fc.constantFrom("gateway error", "busy", "silence"),
);
const which = fc.nat(1);
const happenings = {
  publish: [6, fc.array(push, { minLength: 1, maxLength: 4 })],
  publishLeavingAHole: [1, push],
  fillHole: [1, push],
  expire: [1, fc.integer({ min: 1, max: 5 })],
  hide: [1, fc.nat(20)],
  startGeneration: [1, push],
  serve: [8, fc.tuple(which, serve)],
  answer: [8, fc.tuple(which, fc.nat(3))],
  arrive: [10, fc.tuple(which, fc.integer({ min: 1, max: 5 }))],
  garble: [1, which],
  late: [2, fc.tuple(which, fc.nat(7))],
  connect: [4, fc.oneof({ weight: 3, arbitrary: fc.constant(true) }, fc.constant(false))],
  cut: [1, which],
  servePoll: [4, serve],
  arrivePoll: [4, fc.constant(null)],
  wait: [8, fc.constantFrom(10, 400, 3_500, 16_000)],
  leave: [0.5, fc.nat(2)],
  comeBack: [1, fc.nat(2)],
  failStorage: [0.5, fc.integer({ min: 1, max: 3 })],
  restart: [0.5, fc.nat(2)],
};
/** The happenings of tabs. */
const tabs = {
  freeze: [1, fc.nat(2)],
  putAside: [1, fc.nat(2)],
  resume: [2, fc.nat(2)],
  closeTab: [1, fc.nat(2)],
  openTab: [2, fc.constant(null)],
  freezeLeader: [1, fc.constant(null)],
  closeLeader: [1, fc.constant(null)],
};
const happening = (kinds) => fc.oneof(
  ...Object.entries(kinds).map(([kind, [weight, argument]]) => ({
    weight: weight * 2,
    arbitrary: fc.tuple(fc.constant(kind), argument),
  })),
);
const begin = {
  after: fc.constantFrom(0, undefined),
  before: fc.nat(8),
  transport: fc.constantFrom("auto", "auto", "socket", "long-poll"),
};

/** Tries many worlds. */
async function hold(begin, kinds, numRuns = RUNS) {
  const property = fc.asyncProperty(
    fc.record(begin),
    fc.array(happening(kinds), { maxLength: 120, size: "max" }),
    async (begin, happenings) => {
      const world = new World(begin);
      try {
        for (const happening of happenings) {
          await world.happen(happening);
          assert.equal(world.complaint(), undefined);
        }
        await world.settle();
        assert.equal(world.complaint() ?? world.incompleteness(), undefined);
      } finally {
        world.end();
      }
    },
  );
  await fc.assert(property, { numRuns });
}

test(`each is seen exactly once and in order (${RUNS} worlds)`, () => hold(begin, happenings));

test(`in each of several tabs, which share one connection, each is seen exactly once and in order (${FEWER} worlds)`, () =>
  hold({ ...begin, transport: fc.constantFrom("auto", "auto", "socket"), tabs: fc.constantFrom(2, 3) }, { ...happenings, ...tabs }, FEWER));
