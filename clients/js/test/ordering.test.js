import assert from "node:assert/strict";
import { test } from "node:test";
import { Ordering } from "../build/ordering.js";

const items = (...seqs) => seqs.map((seq) => ({ seq }));
const answer = (seq, more = {}) => ({ seq, recovered: true, more: false, items: [], ...more });
const lost = (seq, more = {}) => answer(seq, { recovered: false, ...more });
const seqs = (steps) => steps.flatMap(({ item }) => (item ? [item.seq] : []));
const gaps = (steps) => steps.flatMap(({ gap }) => (gap ? [gap] : []));
const gap = (after, seq) => ({ after, seq, reset: false });

test("items that follow are handed on, known ones dropped, and a frame is put in order", () => {
  const ordering = new Ordering(41);
  assert.deepEqual(seqs(ordering.take(items(44, 42, 43, 42))), [42, 43, 44]);
  assert.deepEqual(ordering.take(items(41, 42, 44)), []);
  assert.equal(ordering.held, 0);
});

test("a seq that jumps is held until the missing ones come", () => {
  const ordering = new Ordering(41);
  assert.deepEqual(ordering.take(items(43)), []);
  assert.equal(ordering.held, 1);
  assert.deepEqual(seqs(ordering.take(items(42))), [42, 43]);
  assert.equal(ordering.held, 0);
});

test("an answer may stand past its last item", () => {
  const ordering = new Ordering(41);
  const steps = ordering.answer(41, answer(45, { items: items(43, 46) }));
  assert.deepEqual(seqs(steps), [43, 46]);
  assert.equal(steps.at(-1).seq, 46);
  assert.deepEqual(ordering.answer(46, answer(50)), [{ seq: 50 }]);
});

test("an answer that ends before a hole keeps the items behind it", () => {
  const ordering = new Ordering(41);
  assert.deepEqual(seqs(ordering.answer(41, answer(42, { items: items(42, 44) }))), [42]);
  assert.equal(ordering.held, 1);
});

test("the first answer without a cursor begins with its oldest item", () => {
  const ordering = new Ordering();
  assert.deepEqual(seqs(ordering.answer(undefined, answer(7, { items: items(8, 5, 6, 7) }))), [5, 6, 7, 8]);
});

test("the first answer counts even if nothing came", () => {
  const ordering = new Ordering();
  assert.deepEqual(ordering.answer(undefined, answer(7)), [{ seq: 7 }]);
  assert.equal(ordering.cursor, 7);
});

test("without a cursor, a late push from before the newest ones leaves nothing out", () => {
  const ordering = new Ordering();
  assert.deepEqual(seqs(ordering.answer(undefined, answer(5, { items: items(3, 1, 4) }))), [1]);
  assert.deepEqual(seqs(ordering.answer(1, answer(5, { items: items(2, 3, 4) }))), [2, 3, 4]);
  assert.equal(ordering.cursor, 5);
});

test("without a cursor, a push that overtook others waits for them", () => {
  const ordering = new Ordering();
  assert.deepEqual(seqs(ordering.answer(undefined, answer(0, { items: items(3) }))), []);
  assert.equal(ordering.held, 1);
  assert.deepEqual(seqs(ordering.take(items(1, 2))), [1, 2, 3]);
});

test("a second answer without a cursor covers nothing", () => {
  const ordering = new Ordering();
  ordering.answer(undefined, answer(3, { items: items(3) }));
  assert.deepEqual(seqs(ordering.answer(undefined, answer(60, { items: items(58, 59, 60) }))), []);
  assert.equal(ordering.cursor, 3);
});

test("a loss is reported once, before the items that follow it", () => {
  const ordering = new Ordering(41);
  const steps = ordering.answer(41, lost(51, { items: items(50, 51, 53) }));
  assert.deepEqual(steps[0], { gap: gap(41, 49) });
  assert.deepEqual([seqs(steps), gaps(steps).length, ordering.held], [[50, 51], 1, 1]);
});

test("a loss in the middle and one at the end are reported at their place", () => {
  const ordering = new Ordering(41);
  const steps = ordering.answer(41, lost(50, { items: items(42, 45) }));
  assert.deepEqual(gaps(steps), [gap(42, 44), gap(45, 50)]);
  assert.deepEqual(steps.at(-1), { seq: 50 });
});

test("a loss with nothing left is reported once, however often answers repeat it", () => {
  const ordering = new Ordering(41);
  assert.deepEqual(gaps(ordering.answer(41, lost(41))), [gap(41, 41)]);
  assert.deepEqual(ordering.answer(41, lost(41)), []);
  assert.deepEqual(gaps(ordering.answer(41, lost(45))), [gap(41, 45)]);
  assert.deepEqual(ordering.answer(45, lost(45)), []);
});

test("a loss that another transport disproves is not reported", () => {
  const ordering = new Ordering(41);
  ordering.answer(41, answer(43, { items: items(42, 43) }));
  assert.deepEqual(ordering.answer(41, lost(43)), []);
});

test("two transports that replay the same hand it on once", () => {
  const ordering = new Ordering(0);
  assert.deepEqual(seqs(ordering.answer(0, answer(3, { items: items(1, 2, 3) }))), [1, 2, 3]);
  assert.deepEqual(ordering.answer(0, answer(2, { items: items(1, 2) })), []);
  assert.deepEqual(seqs(ordering.answer(0, answer(4, { items: items(1, 2, 3, 4) }))), [4]);
});

test("a reset starts over, and forgets the items of the old log", () => {
  const ordering = new Ordering(41);
  ordering.take(items(5_000));
  const steps = ordering.answer(41, lost(3, { reset: true, items: items(4) }));
  assert.deepEqual(steps[0], { gap: { after: 41, seq: 3, reset: true } });
  assert.deepEqual([seqs(steps), ordering.cursor, ordering.held], [[4], 4, 0]);
});

test("before a reset even items that seem to follow belong to the other log", () => {
  const ordering = new Ordering(41);
  assert.deepEqual(seqs(ordering.answer(41, lost(40, { reset: true, items: items(41, 42) }))), [41, 42]);
});

test("a reset that another transport has reported is not reported again", () => {
  const ordering = new Ordering(41);
  ordering.answer(41, lost(3, { reset: true }));
  ordering.take(items(4, 5));
  assert.deepEqual(ordering.answer(41, lost(3, { reset: true })), []);
  assert.deepEqual(ordering.answer(41, answer(45, { items: items(42) })), []);
  assert.equal(ordering.cursor, 5);
});

test("a late reset does not go back behind the items of the new log", () => {
  const ordering = new Ordering(4);
  ordering.answer(4, lost(2, { reset: true }));
  assert.deepEqual(seqs(ordering.take(items(3, 4, 5, 6))), [3, 4, 5, 6]);
  assert.deepEqual(ordering.answer(4, lost(2, { reset: true, items: items(3) })), []);
  assert.equal(ordering.cursor, 6);
});
