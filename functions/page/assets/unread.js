// How much of the inbox is unread: the badge, the tab's title, the marks in the list.

import { byId } from "./element.js";

/** The wait before the marks are drawn, in milliseconds: between a notification and the count of it they would be wrong. */
const SETTLED = 60;

export class Unread {
  #channel;
  #stream;
  #count = 0;
  #newest = 0;
  #timer;

  constructor(channel, stream) {
    this.#channel = channel;
    this.#stream = stream;
  }

  /** The newest seq that is shown. */
  get newest() {
    return this.#newest;
  }

  /** A notification with this seq is shown. */
  shown(seq) {
    this.#newest = Math.max(this.#newest, seq);
    this.#settle();
  }

  counted(count) {
    this.#count = count;
    // On the application's icon, where the page is installed as one; while no page is open, the service worker does it.
    navigator.setAppBadge?.(count).catch(() => {});
    byId("unread").textContent = count;
    byId("badge").hidden = count === 0;
    byId("read").hidden = count === 0;
    document.title = count === 0 ? "Tidings" : `(${count}) Tidings`;
    this.#settle();
  }

  /** The log has started over. */
  restart() {
    this.#newest = 0;
  }

  #settle() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#stream.showRead(this.#channel, this.#newest - this.#count), SETTLED);
  }
}
