// The notifications that this browser has scheduled, and their states.

import { byId, element } from "./element.js";
import { setTime, timeElement } from "./time.js";

const KEPT = "scheduled";
const MOST = 100;
const TRIES = 4;
/** The wait after its time before a notification is looked at first, and the longest between two looks then, in milliseconds. */
const AFTER = 700;
const LONGEST = 30_000;
/** A timer for longer than this is set again: browsers' timers end at 24 days. */
const FAR = 60 * 60_000;

export class Scheduled {
  #api;
  #session;
  #list = byId("scheduled");
  /** id → its row and what was last heard of it. */
  #rows = new Map();

  constructor({ api, session }) {
    this.#api = api;
    this.#session = session;
    byId("refresh").addEventListener("click", () => this.#lookAtAll());
    // Another tab has scheduled or finished something.
    addEventListener("storage", ({ key }) => key === session.keyOf(KEPT) && this.start());
  }

  start() {
    for (const entry of this.#session.kept(KEPT, [])) if (!this.#rows.has(entry.id)) this.#show(entry);
  }

  /** Keeps what was just scheduled: `{id, to, title, repeat}`. */
  add(entry) {
    const others = this.#session.kept(KEPT, []).filter(({ id }) => id !== entry.id);
    this.#session.keep(KEPT, [...others, entry].slice(-MOST));
    if (!this.#rows.has(entry.id)) this.#show(entry);
  }

  #forget(id) {
    this.#session.keep(KEPT, this.#session.kept(KEPT, []).filter((entry) => entry.id !== id));
  }

  #show(entry) {
    const { id, to, title, repeat } = entry;
    const row = {
      id,
      state: element("span", { class: "what" }, "Looking …"),
      time: timeElement(new Date().toISOString()),
      note: element("p", { class: "wrong", role: "status" }),
      button: element("button", { type: "button", class: "quiet", "aria-label": `Cancel ${title}` }, "Cancel"),
    };
    row.time.hidden = true;
    const facts = element("p", { class: "facts" }, row.state, " ", row.time);
    const goes = element("p", { class: "hint" }, repeat ? `${to}, repeating ${repeat}` : to);
    const texts = element("div", {}, element("h3", {}, title), facts, goes, row.note);
    row.item = element("li", { "data-id": id, "data-state": "unknown" }, texts, row.button);
    row.button.addEventListener("click", () => (row.isOver ? this.#remove(row) : this.#cancel(row)));
    this.#rows.set(id, row);
    this.#list.prepend(row.item);
    this.#showNone();
    this.#look(row);
  }

  #lookAtAll() {
    for (const row of this.#rows.values()) if (!row.isOver) this.#look(row);
  }

  async #look(row) {
    try {
      this.#heard(row, await this.#api.insist("GET", path(row), {}, { tries: TRIES }));
    } catch (problem) {
      this.#failed(row, problem);
    }
  }

  async #cancel(row) {
    row.note.textContent = "";
    try {
      this.#heard(row, await this.#api.insist("DELETE", path(row), {}, { tries: TRIES }));
    } catch (problem) {
      // It was faster: then it says so itself.
      if (problem.code === "already_sent") await this.#look(row);
      else this.#failed(row, problem);
    }
  }

  #heard(row, { state, deliver_at, sent_at, channels }) {
    row.item.dataset.state = state;
    row.note.textContent = "";
    row.isOver = state !== "scheduled";
    row.state.textContent = row.isOver ? over(state, channels) : "Goes out";
    row.time.hidden = false;
    setTime(row.time, sent_at ?? deliver_at);
    if (row.isOver) return this.#finish(row);
    this.#lookAgain(row, Date.parse(deliver_at) - Date.now());
  }

  /** Looks when it is due and, while it is overdue, at longer and longer intervals. */
  #lookAgain(row, left) {
    clearTimeout(row.timer);
    row.wait = left > 0 ? AFTER : Math.min((row.wait ?? AFTER) * 2, LONGEST);
    row.timer = setTimeout(() => this.#look(row), Math.min(Math.max(left, 0) + row.wait, FAR));
  }

  #failed(row, problem) {
    // Ids are known for 30 days, and in a stack that was started anew not at all.
    if (problem.status === 404) {
      row.isOver = true;
      row.item.dataset.state = "unknown";
      row.state.textContent = "No longer known";
      row.time.hidden = true;
      return this.#finish(row);
    }
    row.note.textContent = problem.message;
    if (problem.passes) this.#lookAgain(row, 0);
  }

  #finish(row) {
    clearTimeout(row.timer);
    this.#forget(row.id);
    row.button.textContent = "Remove";
    row.button.setAttribute("aria-label", `Remove ${row.item.querySelector("h3").textContent} from this list`);
  }

  #remove(row) {
    row.item.remove();
    this.#rows.delete(row.id);
    this.#showNone();
    byId("later").focus();
  }

  #showNone() {
    byId("none-scheduled").hidden = this.#rows.size > 0;
  }
}

const path = ({ id }) => `/v1/notifications/${encodeURIComponent(id)}`;

function over(state, channels) {
  if (state === "sent") return `Sent as ${channels.map(({ channel, seq }) => `${channel} #${seq}`).join(", ")}`;
  return state === "cancelled" ? "Cancelled; it was to go out" : "Failed; it was to go out";
}
