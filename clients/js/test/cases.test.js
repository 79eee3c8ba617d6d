// The cases that every client runs: see clients/cases/README.md.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Ordering } from "../build/ordering.js";
import { until, withStack } from "./listener.js";

const cases = (name) => JSON.parse(readFileSync(new URL(`../../cases/${name}.json`, import.meta.url), "utf8"));
const items = (seqs) => seqs.map((seq) => ({ seq }));

/** The events that steps give the application, as the cases write them. */
function given(steps) {
  return steps.flatMap(({ item, gap }) => {
    if (item) return [item.seq];
    return gap ? [{ [gap.reset ? "reset" : "lost"]: [gap.after, gap.seq] }] : [];
  });
}

function take(ordering, { push, answer }) {
  if (push) return ordering.take(items(push));
  // Several connections feed an ordering, so another one changes nothing.
  if (!answer) return [];
  const { after, ...page } = answer;
  return ordering.answer(after ?? undefined, { recovered: true, ...page, items: items(page.items ?? []) });
}

for (const { name, cursor, steps, ends_at, held } of cases("ordering")) {
  test(`ordering: ${name}`, () => {
    const ordering = new Ordering(cursor ?? undefined);
    for (const step of steps) assert.deepEqual(given(take(ordering, step)), step.gives ?? [], JSON.stringify(step));
    assert.deepEqual([ordering.cursor, ordering.held], [ends_at, held]);
  });
}

const A = "topic:a";
const { permanent, connection, crowded, passing } = cases("errors");

/** Runs a test with a listener, and with a stack that answers its first `subscribe` with this code. */
function refused(code, body) {
  return withStack(async ({ stack, listen }) => {
    let count = 0;
    stack.onFrame = ({ ref }, socket) => !count++ && (socket.send({ type: "error", code, detail: "no", ref }), true);
    await body(listen({ channels: { [A]: 0 } }), stack);
  });
}

for (const code of permanent) {
  test(`${code}: the channel is given up`, refused(code, async (listener, stack) => {
    await until(() => listener.errors.length);
    assert.deepEqual(listener.errors.map(({ code, channel }) => [code, channel]), [[code, A]]);
    assert.deepEqual([listener.loads[A], stack.handshakes.length], [0, 1]);
  }));
}

for (const code of connection) {
  test(`${code}: another connection is opened`, refused(code, async (listener, stack) => {
    await until(() => listener.loads[A]);
    assert.deepEqual([listener.errors, stack.handshakes.length], [[], 2]);
  }));
}

for (const code of crowded) {
  test(`${code}: the application gets the error, and the connection ends`, refused(code, async (listener, stack) => {
    await until(() => listener.errors.length && stack.sockets.size === 0);
    assert.deepEqual(listener.errors.map(({ code, channel }) => [code, channel]), [[code, undefined]]);
  }));
}

for (const code of passing) {
  test(`${code}: the channel is asked for again`, refused(code, async (listener, stack) => {
    await until(() => listener.loads[A]);
    assert.deepEqual([listener.errors, stack.handshakes.length], [[], 1]);
  }));
}
