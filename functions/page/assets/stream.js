// The list of notifications of all followed channels, newest first.

import { byId, element } from "./element.js";
import { itemElement } from "./item.js";

/** Arrivals within this many milliseconds are announced as one. */
const BREATH = 1000;

export class Stream {
  #own;
  #list = byId("items");
  #arrivals = [];

  constructor(own) {
    this.#own = own;
  }

  /** Shows a notification in its place. `live`: it has just come, and is announced. */
  add(notification, live = false) {
    if (this.#isCollapsed(notification)) return;
    const item = itemElement(notification, notification.channel === this.#own);
    const behind = this.#behind(notification);
    const last = behind === null ? this.#list.lastElementChild : behind.previousElementSibling;
    this.#list.insertBefore(item, last?.matches(".gap") ? last : behind);
    if (live) {
      item.classList.add("arrived");
      this.#announce(notification);
    }
  }

  /** Of those with one key only the newest is shown. Says whether this is an older one; else takes the older away. */
  #isCollapsed({ channel, seq, collapse_key }) {
    if (collapse_key === undefined) return false;
    const ofKey = [...this.#itemsOf(channel)].filter(({ dataset }) => dataset.key === collapse_key);
    if (ofKey.some((item) => this.#isOf(item, seq) && Number(item.dataset.seq) > seq)) return true;
    for (const item of ofKey) item.remove();
    return false;
  }

  /** The list's entry right behind it: by seq in its own channel, by time among the others. */
  #behind({ channel, seq, sent_at }) {
    let behind = null;
    for (const item of this.#list.querySelectorAll(":scope > [data-id]")) {
      if (item.dataset.channel === channel && this.#isOf(item, seq)) {
        if (Number(item.dataset.seq) < seq) return behind ?? item;
        behind = null;
      } else if (behind === null && Date.parse(item.querySelector("time").dateTime) <= Date.parse(sent_at)) {
        behind = item;
      }
    }
    return behind;
  }

  /** Whether seqs tell the order: not of what has none, nor of what stood in the log before it started over. */
  #isOf(item, seq) {
    return seq !== undefined && item.dataset.seq !== undefined && !item.classList.contains("former");
  }

  /** Says that some may be missing below what comes now. */
  gap(channel, reset) {
    const why = reset
      ? `${channel} has started over; what is below is from before.`
      : `Some of ${channel} may be missing here.`;
    this.#list.prepend(element("li", { class: "gap", "data-of": channel }, why));
    if (!reset) return;
    for (const item of this.#itemsOf(channel)) item.classList.add("former");
  }

  /** Marks what stands behind this seq as unread, and the rest as read. */
  showRead(channel, read) {
    for (const item of this.#itemsOf(channel)) {
      const isUnread = Number(item.dataset.seq) > read && !item.classList.contains("former");
      item.classList.toggle("unread", isUnread);
    }
  }

  remove(channel) {
    for (const item of this.#itemsOf(channel)) item.remove();
    for (const gap of this.#list.querySelectorAll(`[data-of="${CSS.escape(channel)}"]`)) gap.remove();
  }

  #itemsOf(channel) {
    // What somebody has typed may be no channel's name at all.
    return this.#list.querySelectorAll(`[data-channel="${CSS.escape(channel)}"]`);
  }

  #announce({ title, body }) {
    this.#arrivals.push(title || body || "a notification");
    if (this.#arrivals.length > 1) return;
    setTimeout(() => {
      const [first, ...others] = this.#arrivals.splice(0);
      byId("arrival").textContent = others.length > 0 ? `${others.length + 1} new notifications` : `New: ${first}`;
    }, BREATH);
  }
}
