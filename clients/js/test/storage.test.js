import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until, upTo, withStack } from "./listener.js";

const A = "topic:a";
/** The key of a cursor. Most tests give a scope, since their token names no user. */
const KEY = "tidings:here:topic:a";

/** A storage in memory. With `slow`, it answers after so many milliseconds. */
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
    const kept = storage({ [KEY]: "12" }, { slow });
    const listener = listen({ storage: kept, scope: "here" });
    const seen = [];
    const onNotification = async ({ seq }) => {
      await sleep(2);
      seen.push([seq, subscription.seq, kept.kept[KEY]]);
    };
    const subscription = listener.subscribe(A, { after: 3, onNotification });
    await until(() => listener.loads[A]);
    assert.deepEqual(seen, upTo(20, 13).map((seq) => [seq, seq, `${seq - 1}`]));
    assert.deepEqual([subscription.seq, kept.kept], [20, { [KEY]: "20" }]);
    assert.equal(stack.frames[0].after, 12);
  }));
}

test("the next client with the same storage gets the notifications that are left, and none twice", withStack(async ({ stack, listen }) => {
  const kept = storage();
  const seen = [];
  stack.append(A, 300);
  for (let n = 0; seen.length < 300; n++) {
    const listener = listen({ storage: kept, scope: "here", transport: n % 2 ? "long-poll" : "socket" });
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

const fails = (why) => {
  throw new Error(why);
};

test("onError hears of a storage that cannot be written, and notifications go on", withStack(async ({ stack, listen }) => {
  stack.append(A, 2);
  const listener = listen({ channels: { [A]: 0 }, storage: { getItem: () => null, setItem: () => fails("quota") } });
  await until(() => listener.loads[A]);
  assert.deepEqual(listener.seqs[A], [1, 2]);
  assert.deepEqual(listener.errors.map(({ code, channel }) => [code, channel]), Array(2).fill(["storage_failed", A]));
}));

test("a cursor that cannot be read is not taken for none: nothing is asked before it is known", withStack(async ({ stack, listen }) => {
  stack.append(A, 75);
  let reads = 0;
  const getItem = () => (reads++ < 3 ? fails("busy") : "5");
  const { seqs, loads, errors } = listen({ channels: { [A]: undefined }, storage: { getItem, setItem() {} } });
  await until(() => loads[A]);
  assert.deepEqual(seqs[A], upTo(75, 6));
  assert.deepEqual(stack.frames.filter(({ action }) => action === "subscribe").map(({ after }) => after), [5]);
  assert.deepEqual(errors.map(({ code, channel }) => [code, channel]), [["storage_failed", A]]);
}));

/** A token that names its user, as far as the client can see. */
const token = (sub) => `x.${Buffer.from(JSON.stringify({ sub })).toString("base64url")}.x`;

test("each user of each stack has cursors of their own", withStack(async ({ stack, listen }) => {
  const kept = storage();
  stack.append(A, 7);
  const alice = listen({ channels: { [A]: 0 }, storage: kept, token: token("alice") });
  await until(() => alice.seqs[A].length === 7);
  alice.tidings.close();
  for (const options of [{ token: token("bob") }, { token: token("alice"), http: stack.urls.http.replace("127.0.0.1", "localhost") }]) {
    const other = listen({ channels: { [A]: 0 }, storage: kept, ...options });
    await until(() => other.loads[A]);
    assert.deepEqual(other.seqs[A], upTo(7));
    other.tidings.close();
  }
  stack.append(A);
  const again = listen({ channels: { [A]: 0 }, storage: kept, token: () => token("alice"), http: `${stack.urls.http}/` });
  await until(() => again.loads[A]);
  assert.deepEqual(again.seqs[A], [8]);
  assert.equal(Object.keys(kept.kept).length, 3);
}));

test("a token is asked for once, though the storage needs to know whose it is", withStack(async ({ listen }) => {
  let asked = 0;
  const { loads } = listen({ channels: { [A]: 0 }, storage: storage(), token: () => (asked++, token("alice")) });
  await until(() => loads[A]);
  assert.equal(asked, 1);
}));

for (const [kind, slow] of [["at once", 0], ["later", 5]]) {
  test(`a client that subscribes anew while a notification is handled gets none twice, in a storage that answers ${kind}`, withStack(async ({ stack, listen }) => {
    const kept = storage({}, { slow });
    const seen = [];
    stack.append(A, 5);
    let listener = listen({ storage: kept, scope: "here" });
    const onNotification = async ({ seq }) => {
      seen.push(seq);
      // At 2 the client leaves the channel and subscribes anew at once. At 3 it closes, and another client subscribes.
      if (seq === 2) listener.subscriptions[A].unsubscribe(), subscribe();
      if (seq === 3) listener.tidings.close(), (listener = listen({ storage: kept, scope: "here" })), subscribe();
      await sleep(20);
    };
    const subscribe = () => listener.subscribe(A, { after: 0, onNotification });
    subscribe();
    await until(() => listener.loads[A] && seen.length >= 5);
    await until(() => kept.kept[KEY] === "5");
    assert.deepEqual(seen, upTo(5));
  }));
}

test("a cursor that is kept never falls, unless the log is another one", withStack(async ({ stack, listen }) => {
  const kept = storage({ [KEY]: "1" });
  stack.append(A, 5);
  const { seqs } = listen({ storage: kept, scope: "here", channels: { [A]: 0 } });
  // Another tab is further by now.
  await until(() => kept.kept[KEY] === "5" && (kept.kept[KEY] = "40"));
  stack.send(A);
  await until(() => seqs[A].length === 5);
  await sleep(30);
  assert.equal(kept.kept[KEY], "40");
  const { gaps } = listen({ storage: kept, scope: "here", channels: { [A]: 0 } });
  await until(() => gaps[A].length && kept.kept[KEY] === "6");
}));

for (const [kind, text] of [["nonsense", "x1"], ["more than a number can say", "12345678901234567890"], ["empty", ""]]) {
  test(`onError hears of a stored cursor that is invalid, and the channel starts without it: ${kind}`, withStack(async ({ stack, listen }) => {
    stack.append(A, 2);
    const { seqs, errors } = listen({ channels: { [A]: 1 }, scope: "here", storage: storage({ [KEY]: text }) });
    await until(() => seqs[A].length);
    assert.deepEqual(seqs[A], [2]);
    assert.deepEqual(errors.map(({ code, channel }) => [code, channel]), [["invalid_cursor", A]]);
  }));
}
