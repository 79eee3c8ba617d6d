// The page's part and the service worker of docs/guides/web-push.md, as they are written there, in a browser. What a browser's maker does
// is stood in for: subscriptions are made up, and pushes are dispatched in the worker.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { withBrowser } from "./browser.mjs";
import { serve } from "./files.mjs";
import { given } from "./stack.mjs";
import { PATIENCE } from "./visitor.mjs";

const CHANNEL = "user:alice";
const KEYS = {
  p256dh: "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
  auth: "BTBZMqHH6r4Tts7J_aSIgg",
};
const subscription = (n) => ({ endpoint: `http://127.0.0.1:9/s/${n}`, expirationTime: null, keys: KEYS });

const run = async (...words) => (await promisify(execFile)(given.tidings, words)).stdout.trim();

/** Serves the examples, and the settings that they ask for, on a port of this machine. */
async function serveExamples(settings) {
  const markdown = await readFile(given.docs, "utf8");
  const [page, worker] = [...markdown.matchAll(/^```js\n(.*?)^```$/gms)].map(([, text]) => text);
  return serve({
    "/": ["text/html", `<!doctype html><title>A page</title><script>${page}</script>`],
    "/sw.js": ["text/javascript", worker],
    "/push-settings": ["application/json", JSON.stringify(settings)],
  });
}

async function subscriptions() {
  const listed = await run("endpoints", "list", CHANNEL, "--json");
  return listed.split("\n").map((line) => JSON.parse(line).subscription.endpoint);
}

/** Called in the service worker: takes a push, and gives what is shown then. */
async function push(text) {
  const event = new PushEvent("push", text === null ? {} : { data: text });
  const works = [];
  event.waitUntil = (work) => works.push(work);
  const shows = [];
  const show = ServiceWorkerRegistration.prototype.showNotification;
  registration.showNotification = (title, options) => {
    shows.push(title);
    return show.call(registration, title, options);
  };
  dispatchEvent(event);
  await Promise.all(works);
  const shown = await registration.getNotifications();
  return { shows, shown: shown.map(({ title, tag }) => ({ title, tag })) };
}

/** Called in the service worker: clicks on the notification with this tag, and says what is opened. */
async function click(tag) {
  const [notification] = await registration.getNotifications({ tag });
  const opened = [];
  clients.openWindow = async (url) => opened.push(url);
  const event = new NotificationEvent("notificationclick", { notification });
  event.waitUntil = () => {};
  dispatchEvent(event);
  return opened;
}

/** Called in the service worker: the browser has made another subscription. */
async function change([oldSubscription, newSubscription]) {
  const event = Object.assign(new ExtendableEvent("pushsubscriptionchange"), { oldSubscription, newSubscription });
  let work;
  event.waitUntil = (promise) => {
    work = promise;
  };
  dispatchEvent(event);
  await work;
}

async function shows(worker) {
  const item = (seq, fields) => JSON.stringify({ channel: CHANNEL, seq, ...fields });
  assert.deepEqual((await worker.evaluate(push, null)).shows, ["News"], "without data");
  assert.deepEqual((await worker.evaluate(push, "no JSON")).shows, ["News"]);
  assert.deepEqual((await worker.evaluate(push, item(1, { body: "A text" }))).shows, ["A text"]);
  const keyed = (seq) => item(seq, { title: `Build ${seq}`, collapse_key: "build" });
  for (const [seq, newest] of [[3, 3], [2, 3], [4, 4]]) {
    assert.deepEqual((await worker.evaluate(push, keyed(seq))).shows, [`Build ${newest}`]);
  }
  await worker.evaluate(push, item(5, { title: "Web", url: "https://example.com/a" }));
  await worker.evaluate(push, item(6, { title: "Script", url: "javascript:hasRun = true" }));
  assert.deepEqual(await worker.evaluate(click, `${CHANNEL} 5`), ["https://example.com/a"]);
  assert.deepEqual(await worker.evaluate(click, `${CHANNEL} 6`), []);
  assert.deepEqual(await worker.evaluate(click, `${CHANNEL} 1`), []);
}

await withBrowser(async (browser) => {
  const token = await run("token", "--sub", "alice");
  const settings = { http: given.http, token, channel: CHANNEL, publicKey: KEYS.p256dh };
  const origin = await serveExamples(settings);
  const context = await browser.newContext({ permissions: ["notifications"] });
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.addInitScript((made) => {
    PushManager.prototype.getSubscription = async () => made;
  }, subscription(1));
  await page.goto(origin);
  const started = context.waitForEvent("serviceworker");
  for (let times = 0; times < 2; times++) await page.evaluate((settings) => subscribe(settings), settings);
  assert.deepEqual(await subscriptions(), [subscription(1).endpoint]);
  const worker = await started;
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
  await shows(worker);
  await worker.evaluate(change, [subscription(1), subscription(2)]);
  assert.deepEqual(await subscriptions(), [subscription(2).endpoint]);
});
