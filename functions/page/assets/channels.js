// The followed channels: what there is of each, what comes, and what came before.

import { byId, element, mark } from "./element.js";
import { Stream } from "./stream.js";
import { Unread } from "./unread.js";

/** Notifications a page. */
const PAGE = 50;
/** The most pages without a visible notification that are fetched in one go. */
const EMPTY_PAGES = 4;

export class Channels {
  #api;
  #tidings;
  #session;
  #tell;
  #own;
  #stream;
  #unread;
  /** channel → what is known of it, in the order in which they were followed. */
  #followed = new Map();

  constructor({ api, tidings, session, tell }) {
    this.#api = api;
    this.#tidings = tidings;
    this.#session = session;
    this.#tell = tell;
    this.#own = session.inbox;
    this.#stream = new Stream(this.#own);
    this.#unread = new Unread(this.#own, this.#stream);
    byId("empty").querySelector("code").textContent = this.#own;
    byId("follow").addEventListener("submit", (event) => this.#submitted(event));
    byId("older").addEventListener("click", () => this.#showOlder());
    byId("read").addEventListener("click", () => this.#readAll());
  }

  /** Follows the inbox, and what this browser followed when it was here last. */
  start() {
    for (const channel of [this.#own, ...this.#session.kept("channels", [])]) {
      this.follow(channel).catch((problem) => this.#failed(problem, `${channel}: ${problem.message}`));
    }
  }

  /** Shows what there is of a channel, and what comes. Throws why it may not be read. */
  async follow(channel) {
    const followed = { channel, oldest: 1, loaded: false, subscription: undefined };
    this.#followed.set(channel, followed);
    this.#showChannels();
    await this.#load(followed);
  }

  unfollow(channel) {
    this.#followed.get(channel)?.subscription?.unsubscribe();
    this.#followed.delete(channel);
    this.#stream.remove(channel);
    this.#showChannels();
    this.#showEnds();
  }

  /** The newest that are there now, and then all that comes behind them: nothing twice, nothing left out. */
  async #load(followed) {
    const { channel } = followed;
    const { items, seq, unread } = await this.#read(channel);
    if (this.#followed.get(channel) !== followed) return;
    followed.oldest = items[0]?.seq ?? 1;
    for (const item of items) this.#show(channel, item);
    if (unread !== undefined) this.#unread.counted(unread);
    this.#showEnds();
    followed.subscription = this.#tidings.subscribe(channel, {
      after: seq,
      onNotification: (notification) => this.#show(channel, notification, followed.loaded),
      onGap: ({ reset }) => this.#missed(followed, reset),
      onUnread: channel === this.#own ? (count) => this.#unread.counted(count) : undefined,
      onLoaded: () => {
        followed.loaded = true;
      },
    });
  }

  async #read(cursor) {
    const query = new URLSearchParams({ channel: cursor, wait: 0, limit: PAGE });
    const answer = await this.#api.insist("GET", `/v1/notifications?${query}`);
    return answer.channels[0];
  }

  #show(channel, notification, live = false) {
    this.#stream.add({ ...notification, channel }, live);
    if (channel === this.#own && notification.seq !== undefined) this.#unread.shown(notification.seq);
    byId("empty").hidden = true;
  }

  #missed(followed, reset = false) {
    this.#stream.gap(followed.channel, reset);
    if (!reset) return;
    followed.oldest = 1;
    if (followed.channel === this.#own) this.#unread.restart();
    this.#showEnds();
  }

  async #showOlder() {
    const button = byId("older");
    button.disabled = true;
    try {
      const unfinished = [...this.#followed.values()].filter(({ oldest }) => oldest > 1);
      const counts = await Promise.all(unfinished.map((followed) => this.#turnBack(followed)));
      const count = counts.reduce((sum, found) => sum + found, 0);
      byId("older-note").textContent = count > 0 ? `${count} older shown.` : "Nothing older is kept.";
    } catch (problem) {
      this.#failed(problem, problem.message);
    }
    button.disabled = false;
    this.#showEnds();
    // The keyboard goes on where it was, or where the button has been.
    (button.hidden ? byId("older-note") : button).focus();
  }

  /** Shows the page before the oldest that is shown, and says how many were on it. */
  async #turnBack(followed) {
    for (let pages = 0; pages < EMPTY_PAGES && followed.oldest > 1; pages++) {
      const { items, start } = await this.#pageBefore(followed);
      followed.oldest = start;
      for (const item of items) this.#show(followed.channel, item);
      if (items.length > 0) return items.length;
    }
    return 0;
  }

  async #pageBefore({ channel, oldest }) {
    const first = Math.max(0, oldest - 1 - PAGE);
    const items = [];
    let after = first;
    let answer;
    let isStart = false;
    do {
      answer = await this.#read(`${channel}:${after}`);
      items.push(...answer.items.filter(({ seq }) => seq < oldest));
      // What has expired is the start of the log: there is nothing before it.
      isStart ||= !answer.recovered;
      after = answer.seq;
    } while (answer.more && after < oldest - 1);
    return { items, start: isStart ? 1 : first + 1 };
  }

  async #readAll() {
    const { subscription } = this.#followed.get(this.#own);
    try {
      await subscription?.read(this.#unread.newest);
      byId("inbox").focus();
    } catch (problem) {
      this.#tell(`Not marked as read: ${problem.message}`);
    }
  }

  async #submitted(event) {
    event.preventDefault();
    const field = event.target.elements.channel;
    const channel = field.value.trim();
    mark(field);
    if (channel === "") return mark(field, "Name a channel, such as topic:news.");
    if (this.#followed.has(channel)) return mark(field, "You follow it already.");
    try {
      field.value = "";
      await this.follow(channel);
      this.#keep();
    } catch (problem) {
      this.unfollow(channel);
      field.value = channel;
      mark(field, problem.message.replace(/^`[^`]*`: /, ""));
    }
  }

  /** Tells why a call failed; of a token that is refused the session has told already, and offers what to do. */
  #failed(problem, text) {
    if (problem.status !== 401) this.#tell(text);
  }

  #keep() {
    this.#session.keep("channels", [...this.#followed.keys()].filter((channel) => channel !== this.#own));
  }

  #showChannels() {
    const chips = [...this.#followed.keys()].map((channel) => {
      if (channel === this.#own) return element("li", { "data-channel": channel }, channel);
      const button = element("button", { type: "button", "aria-label": `Unfollow ${channel}` }, "×");
      button.addEventListener("click", () => {
        this.unfollow(channel);
        this.#keep();
        byId("channel").focus();
      });
      return element("li", { "data-channel": channel }, channel, button);
    });
    byId("channels").replaceChildren(...chips);
  }

  /** The end of the list: a note that it is empty, or the button for more. */
  #showEnds() {
    byId("empty").hidden = byId("items").childElementCount > 0;
    byId("older").hidden = ![...this.#followed.values()].some(({ oldest }) => oldest > 1);
  }
}
