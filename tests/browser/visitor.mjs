// Somebody who has the page open, in a window of their own.

import assert from "node:assert/strict";
import { given, said } from "./stack.mjs";

/** Longer than anything takes that works, in milliseconds. */
export const PATIENCE = 60_000;
/** The browser's message about each call that fails; some here fail on purpose. */
const OF_CALLS = /^(Failed to load resource|WebSocket connection to)/;

export class Visitor {
  /** Faults that the browser found in the page: errors in scripts, violated policies. */
  complaints = [];

  constructor(page) {
    this.page = page;
    page.on("pageerror", (error) => this.complaints.push(error.stack));
    page.on("console", (message) => {
      const isTrouble = ["error", "warning"].includes(message.type()) && !OF_CALLS.test(message.text());
      if (isTrouble) this.complaints.push(message.text());
    });
  }

  /** Opens the page, signed out. */
  static async open(browser, path = "/") {
    const context = await browser.newContext({ baseURL: given.http });
    context.setDefaultTimeout(PATIENCE);
    const visitor = new Visitor(await context.newPage());
    await visitor.page.goto(path);
    return visitor;
  }

  /** Opens the page, signs in, and waits until what comes is shown at once. */
  static async signedIn(browser, name) {
    const visitor = await Visitor.open(browser);
    await visitor.page.fill("#name", said(name));
    await visitor.page.click("#sign-in-name button");
    await visitor.state("Live");
    return visitor;
  }

  /** Waits until the connection stands so. */
  async state(text) {
    await this.page.locator(`#state:text-is("${text}")`).waitFor();
  }

  /** The notification of a channel with this seq. */
  item(channel, seq) {
    return this.page.locator(`#items > li[data-channel="${channel}"][data-seq="${seq}"]`);
  }

  /** The seqs of a channel that are on the page, from top to bottom. */
  async seqs(channel) {
    const items = this.page.locator(`#items > li[data-channel="${channel}"]`);
    return items.evaluateAll((items) => items.map((item) => Number(item.dataset.seq)));
  }

  /** The list's entry for the notification that was scheduled under this id. */
  scheduled(id, state) {
    return this.page.locator(`#scheduled > li[data-id="${id}"][data-state="${state}"]`);
  }

  /** Fills in the form and sends it; returns the id once the outcome is this one. */
  async send({ when, ...fields }, outcome = "sent") {
    for (const [name, text] of Object.entries(fields)) await this.page.fill(`form#send [name=${name}]`, said(text));
    if (when !== undefined) await this.page.selectOption("form#send [name=when]", when);
    await this.page.click("form#send button.main");
    await this.page.locator(`#outcome[data-state=${outcome}]`).waitFor();
    return outcome === "refused" ? undefined : this.page.textContent("#outcome code");
  }

  /** Waits until so many are unread, as the badge and the tab's title say. */
  async unread(count) {
    const title = count === 0 ? "Tidings" : `(${count}) Tidings`;
    await this.page.waitForFunction((title) => document.title === title, title);
    assert.equal(await this.page.textContent("#unread"), String(count));
    assert.equal(await this.page.isVisible("#unread"), count > 0);
  }

  /** Fails if the browser found anything wrong with the page. */
  assertInOrder() {
    assert.deepEqual(this.complaints, []);
  }
}
