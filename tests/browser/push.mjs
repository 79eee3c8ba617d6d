// A user who has switched it on is notified by the browser while no page is open. Everything is real but the browser's
// push service, which belongs to its maker: this script stands in for `PushManager`, and for the service that brings a
// push.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createECDH, createPublicKey, randomBytes, verify } from "node:crypto";
import { createServer } from "node:http";
import { promisify } from "node:util";
import axe from "axe-core";
import ece from "http_ece";
import { keep, withBrowser } from "./browser.mjs";
import { given, said, tidings } from "./stack.mjs";
import { PATIENCE, Visitor } from "./visitor.mjs";

const NAME = "alice-who-is-away";
const INBOX = `user:${NAME}`;
/** The number of looks for a shown push before it is sent once more, and the milliseconds between two of them. */
const LOOKS = 20;
const PAUSE = 200;
const PATH = `/${randomBytes(16).toString("hex")}`;

/** Where pushes go instead of to the browser's maker. */
class PushService {
  #received = [];
  #waiting = [];
  #keys = createECDH("prime256v1");
  #auth = randomBytes(16).toString("base64url");

  static async start() {
    const service = new PushService();
    const server = createServer((request, response) => service.#take(request, response));
    await new Promise((listening) => server.listen(given.port, "127.0.0.1", listening));
    server.unref();
    service.origin = `http://127.0.0.1:${server.address().port}`;
    service.#keys.generateKeys();
    return service;
  }

  /** The subscription that the browser is to report. No log may have the secrets in it. */
  get subscription() {
    const keys = { p256dh: this.#keys.getPublicKey("base64url"), auth: said(this.#auth) };
    return { endpoint: this.origin + said(PATH), expirationTime: null, keys };
  }

  /** Where the browser is to have subscribed instead, once its maker has ended the first subscription. */
  get renewed() {
    return `${this.origin}${said(`${PATH}-renewed`)}`;
  }

  get count() {
    return this.#received.length;
  }

  async #take(request, response) {
    const body = Buffer.concat(await request.toArray());
    response.writeHead(201).end();
    this.#received.push({ path: request.url, headers: request.headers, body });
    this.#waiting.shift()?.();
  }

  /** The next push: its headers, and what it says. */
  async next(count) {
    const late = setTimeout(() => assert.fail(`push ${count} does not come`), PATIENCE);
    while (this.#received.length < count) await new Promise((arrived) => this.#waiting.push(arrived));
    clearTimeout(late);
    const { path, headers, body } = this.#received[count - 1];
    assert.equal(path, PATH);
    const parameters = { version: "aes128gcm", privateKey: this.#keys, authSecret: this.#auth };
    return { headers, message: JSON.parse(ece.decrypt(body, parameters)) };
  }

  /** That the stack has signed this, with the key that the page has subscribed for (RFC 8292). */
  assertSigned({ authorization }, key) {
    const [, header, claims, signature, k] = authorization.match(/^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), ?k=([\w-]+)$/);
    assert.equal(k, key);
    const point = Buffer.from(k, "base64url");
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((number) => number.toString("base64url"));
    const signer = createPublicKey({ format: "jwk", key: { kty: "EC", crv: "P-256", x, y } });
    const signed = Buffer.from(`${header}.${claims}`);
    const how = { key: signer, dsaEncoding: "ieee-p1363" };
    assert.ok(verify("sha256", signed, how, Buffer.from(signature, "base64url")), "the token is not signed by the key");
    assert.equal(JSON.parse(Buffer.from(claims, "base64url")).aud, this.origin);
  }
}

/** Has the browser subscribe elsewhere; called in the page before its scripts. */
function standIn(subscription) {
  const HAS = "test.subscribed";
  const RENEWED = "test.renewed";
  const made = (key) => {
    const endpoint = localStorage.getItem(RENEWED) ?? subscription.endpoint;
    const bytes = Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return {
      endpoint,
      options: { applicationServerKey: bytes.buffer },
      toJSON: () => ({ ...subscription, endpoint }),
      unsubscribe: async () => localStorage.removeItem(HAS) ?? true,
    };
  };
  PushManager.prototype.getSubscription = async () => {
    const key = localStorage.getItem(HAS);
    return key === null ? null : made(key);
  };
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    if (!userVisibleOnly || Notification.permission !== "granted") throw new Error("a browser would not do that");
    localStorage.setItem(HAS, applicationServerKey);
    return made(applicationServerKey);
  };
}

/** The browser's own service worker, as its developers' tools reach it. */
class Worker {
  #session;
  #page;
  #id;

  static async of(page) {
    const worker = new Worker();
    worker.#page = page;
    worker.#session = await page.context().newCDPSession(page);
    const registered = new Promise((found) => {
      worker.#session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => {
        if (registrations.length > 0) found(registrations[0].registrationId);
      });
    });
    await worker.#session.send("ServiceWorker.enable");
    worker.#id = await registered;
    return worker;
  }

  /**
   * Has it take a push, and gives the notifications that are shown once there is one that is so. Brings it again if
   * there is none, as push services may: once in some ten runs Chromium showed nothing for one.
   */
  async push(data, isShown) {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    const push = { origin: given.http, registrationId: this.#id, data: text };
    const giveUp = Date.now() + PATIENCE;
    for (;;) {
      await this.#session.send("ServiceWorker.deliverPushMessage", push);
      for (let looks = 0; looks < LOOKS; looks++) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
        const shown = await this.#page.evaluate(notifications);
        if (shown.some(isShown)) return shown;
        assert.ok(Date.now() < giveUp, `shown is ${JSON.stringify(shown)}`);
      }
    }
  }

  /** Has it note what it shows from now on, one that it has shown before among it. */
  async watch() {
    const [worker] = this.#page.context().serviceWorkers();
    await worker.evaluate(() => {
      self.shows = [];
      const show = registration.showNotification.bind(registration);
      registration.showNotification = (title, options) => show(title, options).then(() => shows.push(title));
    });
  }

  /** The notifications that it has shown since, once there are any. */
  async shows() {
    const [worker] = this.#page.context().serviceWorkers();
    const giveUp = Date.now() + PATIENCE;
    for (;;) {
      const shows = await worker.evaluate(() => self.shows);
      if (shows.length > 0) return shows;
      assert.ok(Date.now() < giveUp, "it shows nothing");
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  /** Tells it that the browser's maker has ended the subscription. */
  async renew() {
    const [worker] = this.#page.context().serviceWorkers();
    await worker.evaluate(() => dispatchEvent(new ExtendableEvent("pushsubscriptionchange")));
  }

  /** Clicks on the notification with this tag, and says where that leads: the browser itself wants a real finger. */
  async click(tag) {
    const [worker] = this.#page.context().serviceWorkers();
    return worker.evaluate(clicked, tag);
  }
}

/** The shown notifications; called in the page. */
async function notifications() {
  const registration = await navigator.serviceWorker.getRegistration("/assets/");
  const shown = await registration.getNotifications();
  return shown.map(({ title, body, tag, silent, data }) => ({ title, body, tag, silent, data }));
}

/** Called in the service worker. */
async function clicked(tag) {
  const [notification] = await registration.getNotifications({ tag });
  return new Promise((resolve, reject) => {
    clients.openWindow = async (url) => resolve({ opened: url });
    WindowClient.prototype.focus = async function focus() {
      resolve({ focused: this.url });
    };
    const event = new NotificationEvent("notificationclick", { notification });
    event.waitUntil = (work) => work.catch(reject);
    dispatchEvent(event);
  });
}

/** A window of the same browser, signed in. */
async function arrive(context) {
  const visitor = new Visitor(await context.newPage());
  await visitor.page.goto("/");
  await visitor.page.fill("#name", said(NAME));
  await visitor.page.click("#sign-in-name button");
  await visitor.state("Live");
  return visitor;
}

const state = (page, isOn) => page.locator(`#push-switch[aria-pressed=${isOn}][aria-busy=false]`).waitFor();
const channel = async () => JSON.parse(await tidings("channel", INBOX, "--json"));

async function assertAccessible(page, name) {
  await keep(page, name);
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate(() => axe.run("#push"));
  assert.deepEqual(violations.map(({ id }) => id), []);
  assert.ok(passes.length > 0);
}

async function whileAway(context, service) {
  const alice = await arrive(context);
  const { page } = alice;
  await state(page, false);
  await page.focus("#push-switch");
  await page.keyboard.press("Space");
  await state(page, true);
  await page.getByText("On in this browser").waitFor();
  await assertAccessible(page, "push-on");
  const key = await page.getAttribute('meta[name="tidings-vapid-public-key"]', "content");
  assert.equal((await channel()).endpoints, 1);

  await tidings("send", INBOX, "--title", "Seen on the page");
  await alice.item(INBOX, 1).waitFor();
  alice.assertInOrder();
  await page.close();
  while ((await channel()).connections > 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await tidings("send", INBOX, "--title", "While you were away", "--body", "Zürich — 東京", "--priority", "high");

  const { headers, message } = await service.next(1);
  service.assertSigned(headers, key);
  assert.equal(headers["content-encoding"], "aes128gcm");
  assert.equal(headers.urgency, "high");
  assert.ok(Number(headers.ttl) > 0);
  const { channel: of, seq, title, body, unread } = message;
  assert.deepEqual([of, seq, title, body, unread], [INBOX, 2, "While you were away", "Zürich — 東京", 2]);
  assert.equal(service.count, 1);
  return message;
}

async function shown(page, message) {
  const worker = await Worker.of(page);
  const of = (seq) => ({ data }) => data.seq === seq;
  const [first] = await worker.push(message, of(2));
  assert.deepEqual([first.title, first.body, first.tag], [message.title, message.body, message.id]);
  assert.deepEqual(await worker.click(message.id), { focused: `${given.http}/` });

  const sent_at = "2026-11-22T20:00:00.000Z";
  const later = (seq, fields) => ({ channel: INBOX, seq, id: `n-${seq}`, sent_at, ...fields });
  await worker.push(later(3, { body: "Only a text", url: "https://example.com/a#b", priority: "low" }), of(3));
  assert.deepEqual(await worker.click("n-3"), { opened: "https://example.com/a#b" });
  await worker.push(later(4, { data: { n: 1 }, url: "javascript:hasRun = true" }), of(4));
  assert.deepEqual(await worker.click("n-4"), { focused: `${given.http}/` });

  // Of one key the newest stays, in whichever order they come.
  const keyed = (seq) => later(seq, { title: `Build ${seq}`, collapse_key: "build" });
  await worker.push(keyed(6), of(6));
  // A push that shows nothing counts against the subscription, so the newer one is shown once more.
  await worker.watch();
  await worker.push(keyed(5), of(6));
  assert.deepEqual(new Set(await worker.shows()), new Set(["Build 6"]));
  await worker.push(keyed(7), of(7));
  const unreadable = ({ tag }) => tag === "tidings";
  const all = await worker.push("no JSON", unreadable);
  assert.deepEqual(all.map(({ title }) => title).toSorted(), ["Build 7", "New in Tidings"]);
}

/** The push subscriptions of the user's own channel, as the API lists them. */
async function subscriptions() {
  const { stdout } = await promisify(execFile)(given.tidings, ["endpoints", "list", INBOX, "--json"]);
  return stdout.trim().split("\n").map((line) => JSON.parse(line).subscription.endpoint);
}

/** The browser's maker ends a subscription, with a page open and with none. */
async function renewed({ page }, service) {
  const moved = async (to) => {
    // The old one is removed once the new one is there.
    while (`${await subscriptions()}` !== to) await new Promise((resolve) => setTimeout(resolve, PAUSE));
  };
  await page.evaluate((endpoint) => localStorage.setItem("test.renewed", endpoint), service.renewed);
  await (await Worker.of(page)).renew();
  await moved(service.renewed);
  await state(page, true);
  await page.evaluate(() => localStorage.removeItem("test.renewed"));
  await page.reload();
  await moved(service.subscription.endpoint);
  await state(page, true);
}

async function refused(browser) {
  const { page, ...visitor } = await Visitor.signedIn(browser, "alice-who-said-no");
  await page.context().grantPermissions([]);
  await page.reload();
  await page.getByText("Your browser blocks notifications").waitFor();
  await page.click("#push-switch");
  await page.getByText("That did not work").waitFor();
  await state(page, false);
  assert.deepEqual(visitor.complaints, []);
}

await withBrowser(async (browser) => {
  const service = await PushService.start();
  const context = await browser.newContext({ baseURL: given.http, permissions: ["notifications"] });
  context.setDefaultTimeout(PATIENCE);
  await context.addInitScript(standIn, service.subscription);
  const message = await whileAway(context, service);

  const alice = await arrive(context);
  await state(alice.page, true);
  await shown(alice.page, message);
  await renewed(alice, service);
  await alice.page.click("#push-switch");
  await state(alice.page, false);
  await alice.page.getByText("Off in this browser").waitFor();
  assert.equal((await channel()).endpoints, 0);
  await alice.page.reload();
  await state(alice.page, false);
  alice.assertInOrder();
  await refused(browser);
});
