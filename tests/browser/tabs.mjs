// Three tabs of one reader: one connection, through which each gets everything once and in order, on a link that is slow, without one,
// and whichever tab is closed or frozen.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { rerouted, withBrowser } from "./browser.mjs";
import { serve } from "./files.mjs";
import { ask, given, said, tell, tidings } from "./stack.mjs";
import { PATIENCE } from "./visitor.mjs";

const NAME = said("alice-with-three-tabs");
const INBOX = `user:${NAME}`;
/** Another tab takes over so soon, in milliseconds. */
const LATEST = 5_000;
/** Bytes a second, and a delay in milliseconds. */
const SLOW = { offline: false, latency: 200, downloadThroughput: 8_000, uploadThroughput: 8_000 };
const FAST = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };

/** An application that keeps what it was given, in order. */
const PAGE = `<!doctype html><title>A tab</title><script type="module">
import { Tidings } from "./tidings.js";
const { channel, ...options } = JSON.parse(decodeURIComponent(location.hash.slice(1)));
window.seen = [];
new Tidings({ ...options, onState: (state) => (window.state = state) })
  .subscribe(channel, { after: 0, onNotification: ({ seq }) => void seen.push(seq) });
</script>`;

class Tab {
  #sockets = [];

  static async open(context, address, options) {
    const tab = new Tab();
    tab.page = await context.newPage();
    tab.page.on("websocket", (socket) => tab.#sockets.push(socket));
    await tab.page.goto(`${address}/#${encodeURIComponent(JSON.stringify(options))}`);
    tab.devtools = await context.newCDPSession(tab.page);
    return tab;
  }

  /** Whether it has opened a socket that is not closed. */
  get leads() {
    return this.#sockets.some((socket) => !socket.isClosed());
  }

  is(state) {
    return this.page.waitForFunction((state) => window.state === state, state);
  }

  /**
   * Nothing runs in it any more. Playwright keeps its pages visible, and the browser does not freeze a visible page on command, so the
   * debugger stops it.
   */
  async freeze() {
    await this.devtools.send("Debugger.enable");
    await this.devtools.send("Debugger.pause");
  }

  resume() {
    return this.devtools.send("Debugger.disable");
  }

  /** Waits until it has seen the newest, and fails if anything came twice, out of order, or not at all. */
  async hasAll(newest) {
    await this.page.waitForFunction((newest) => seen.at(-1) >= newest, newest);
    assert.deepEqual(await this.page.evaluate(() => seen), Array.from({ length: newest }, (_, n) => n + 1));
  }
}

const sockets = async () => (await (await fetch(`${given.aws}/_local/sockets`)).json()).length;

async function untilOneSocket() {
  for (const end = Date.now() + PATIENCE; (await sockets()) !== 1; await sleep(50)) {
    assert.ok(Date.now() < end, `there are ${await sockets()} sockets`);
  }
}

await withBrowser(async (browser) => {
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE);
  const client = await readFile(join(given.client, "dist/tidings.js"), "utf8");
  const address = await serve({ "/": ["text/html", PAGE], "/tidings.js": ["text/javascript", client] });
  const { http, websocket } = given;
  const options = { http, websocket, channel: INBOX, token: said(await tidings("token", "--sub", NAME)) };
  let tabs = [];
  for (let n = 0; n < 3; n++) tabs.push(await Tab.open(context, address, options));
  let newest = 0;
  const send = async (count = 1, text = "") => {
    for (let n = 0; n < count; n++) await tidings("send", INBOX, "--title", `Number ${++newest}`, ...(text ? ["--body", text] : []));
  };
  const allHaveAll = () => Promise.all(tabs.map((tab) => tab.hasAll(newest)));
  const leader = () => tabs.find(({ leads }) => leads);
  /** The time until the other tabs have a notification that is sent once this has happened to the tab that leads. */
  const takesOver = async (what, happens) => {
    const lost = leader();
    tabs = tabs.filter((tab) => tab !== lost);
    const begun = Date.now();
    await happens(lost);
    await send();
    await allHaveAll();
    const taken = Date.now() - begun;
    assert.ok(leader(), "no other tab has a socket");
    tell(`TABS ${taken} ms after the tab that leads was ${what}, the others had what was sent then`);
    assert.ok(taken < LATEST, `${taken} ms until another tab had taken over`);
    return lost;
  };

  await Promise.all(tabs.map((tab) => tab.is("live")));
  assert.equal(await sockets(), 1);
  await send(2);
  await allHaveAll();

  await Promise.all(tabs.map(({ devtools }) => devtools.send("Network.emulateNetworkConditions", SLOW)));
  await send(4, "A long text. ".repeat(100));
  await allHaveAll();
  await Promise.all(tabs.map(({ devtools }) => devtools.send("Network.emulateNetworkConditions", FAST)));

  await context.setOffline(true);
  await ask("block");
  await Promise.all(tabs.map((tab) => tab.page.waitForFunction(() => window.state !== "live")));
  await send(2);
  await ask("unblock");
  await context.setOffline(false);
  await allHaveAll();
  await Promise.all(tabs.map((tab) => tab.is("live")));
  await untilOneSocket();

  const frozen = await takesOver("frozen", (tab) => tab.freeze());
  await send();
  await frozen.resume();
  tabs.push(frozen);
  await allHaveAll();
  await untilOneSocket();
  await send();
  await allHaveAll();

  await takesOver("closed", ({ page }) => page.close());
  await untilOneSocket();
  await send();
  await allHaveAll();
}, [rerouted({ [given.websocket]: given.proxy })]);
