// Two tabs, one of which has the socket, take 10,000 notifications, and 10,000 more: neither keeps any of it, and the later ones cost no
// more than the first.

import assert from "node:assert/strict";
import { join } from "node:path";
import { withBrowser } from "./browser.mjs";
import { given, tell } from "./stack.mjs";
import { PATIENCE } from "./visitor.mjs";

const COUNT = 10_000;
const CHANNEL = "topic:crowded";
const MB = 1 << 20;

const { Stack } = await import(join(given.client, "test/stack.js"));

/** Counts what comes, and what is out of turn. */
const listen = async ({ http, websocket, channel }) => {
  const { Tidings } = await import("./assets/tidings.js");
  window.count = window.wrong = 0;
  const options = { http, websocket, token: "token", transport: "socket", onState: (state) => (window.state = state) };
  new Tidings(options).subscribe(channel, { after: 0, onNotification: ({ seq }) => void (seq === ++count || wrong++) });
};

async function open(context, stack) {
  const page = await context.newPage();
  await page.goto(given.http);
  await page.evaluate(listen, { ...stack.urls, channel: CHANNEL });
  await page.waitForFunction(() => window.state === "live");
  const devtools = await context.newCDPSession(page);
  await devtools.send("Performance.enable");
  return { page, devtools };
}

/** Bytes of the heap once it was tidied up, and seconds that the page was busy. */
async function measured({ devtools }) {
  await devtools.send("HeapProfiler.collectGarbage");
  const { metrics } = await devtools.send("Performance.getMetrics");
  const metric = (name) => metrics.find((metric) => metric.name === name).value;
  return { heap: metric("JSHeapUsedSize"), busy: metric("TaskDuration") };
}

await withBrowser(async (browser) => {
  const stack = await Stack.start();
  const context = await browser.newContext({ bypassCSP: true });
  context.setDefaultTimeout(PATIENCE);
  const tabs = [await open(context, stack), await open(context, stack)];
  assert.equal(stack.handshakes.length, 1);
  const rounds = [];
  for (let round = 0; round < 3; round++) {
    for (let sent = 0; sent < COUNT; sent += 10) stack.push(CHANNEL, stack.append(CHANNEL, 10));
    await Promise.all(tabs.map(({ page }) => page.waitForFunction((count) => window.count === count, (round + 1) * COUNT)));
    rounds.push(await Promise.all(tabs.map(measured)));
  }
  for (const [n, { page }] of tabs.entries()) {
    assert.equal(await page.evaluate(() => window.wrong), 0);
    const [first, second, third] = rounds.map((round) => round[n]);
    const [grown, early, late] = [third.heap - first.heap, second.busy - first.busy, third.busy - second.busy];
    const which = n === 0 ? "the tab with the socket" : "the other tab";
    tell(`TABS ${which} is busy for ${late.toFixed(2)} s with ${COUNT} notifications; ${2 * COUNT} of them leave ${Math.round(grown / 1_024)} KB`);
    assert.ok(first.heap < 32 * MB && grown < 2 * MB, `${which} keeps ${grown} bytes of ${2 * COUNT} notifications`);
    assert.ok(late < 3 * early + 0.5, `${which} was busy for ${early} s, and then for ${late} s`);
  }
  await stack.stop();
});
