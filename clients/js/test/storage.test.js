import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, upTo, withStack } from "./listener.js";

const A = "topic:a";

/** Keeps what it was told; `async` for one that takes its time. */
function storage(kept = {}, { slow } = {}) {
  const done = (value) => (slow ? sleep(slow, value) : value);
  return {
    kept,
    getItem: (key) => done(kept[key] ?? null),
    setItem: (key, value) => done(void (kept[key] = value)),
  };
}

for (const [kind, slow] of [["at once", 0], ["later", 5]]) {
  test(`a cursor is loaded before the first question and saved after the handler, in a storage that answers ${kind}`, withStack(async ({ stack, listen }) => {
    stack.append(A, 20);
    const kept = storage({ "tidings:topic:a": "12" }, { slow });
    const listener = listen({ storage: kept });
    const seen = [];
    const onNotification = async ({ seq }) => {
      await sleep(2);
      seen.push([seq, subscription.seq, kept.kept["tidings:topic:a"]]);
    };
    const subscription = listener.subscribe(A, { after: 3, onNotification });
    await until(() => listener.loads[A]);
    assert.deepEqual(seen, upTo(20, 13).map((seq) => [seq, seq, `${seq - 1}`]));
    assert.deepEqual([subscription.seq, kept.kept], [20, { "tidings:topic:a": "20" }]);
    assert.equal(stack.frames[0].after, 12);
  }));
}

test("whoever goes on with the same storage gets what is left, and nothing twice", withStack(async ({ stack, listen }) => {
  const kept = storage();
  const seen = [];
  stack.append(A, 300);
  for (let n = 0; seen.length < 300; n++) {
    const listener = listen({ storage: kept, transport: n % 2 ? "long-poll" : "socket" });
    const enough = seen.length + 60;
    listener.subscribe(A, {
      after: 0,
      onNotification: ({ seq }) => {
        seen.push(seq);
        if (seen.length === enough) listener.tidings.close();
      },
    });
    await until(() => listener.state === "closed" || seen.length === 300);
    listener.tidings.close();
    await sleep(10);
  }
  assert.deepEqual(seen, upTo(300));
}));

test("a storage that fails is told of, and changes nothing else", withStack(async ({ stack, listen }) => {
  const broken = () => {
    throw new Error("quota");
  };
  stack.append(A, 2);
  const listener = listen({ channels: { [A]: 0 }, storage: { getItem: broken, setItem: broken } });
  await until(() => listener.loads[A]);
  assert.deepEqual(listener.seqs[A], [1, 2]);
  assert.deepEqual(listener.errors.map(({ code, channel }) => [code, channel]), Array(3).fill(["storage_failed", A]));
}));

test("what stands in the storage and is no cursor is passed over", withStack(async ({ stack, listen }) => {
  stack.append(A, 2);
  const { seqs } = listen({ channels: { [A]: 1 }, storage: storage({ "tidings:topic:a": "x1" }) });
  await until(() => seqs[A].length);
  assert.deepEqual(seqs[A], [2]);
}));
