// The world of the model tests: a simulated log, server and network around real clients, one in each tab.

import { Tidings } from "../dist/tidings.js";
import { browser } from "./browser.js";
import { Clock, running } from "./clock.js";

export const CHANNEL = "user:alice";
/** The most items of a page. It is small, so that `more` is common. */
const PAGE = 3;

/** The log, as the contract lets readers see it. */
class Log {
  /** The rows `{hidden, hole}` by seq, in order. A hole is not written yet, though the rows after it are. */
  rows = new Map();
  newest = 0;
  /** The expired seqs that readers could see until then. */
  expired = new Set();

  append(row = {}) {
    this.rows.set(++this.newest, row);
    return this.newest;
  }

  startGeneration() {
    this.expire(Infinity);
    this.newest += 1_000;
    return this.append();
  }

  expire(count) {
    for (const [seq, { hidden, hole }] of this.rows) {
      // A row cannot expire before it is written.
      if (hole || count-- < 1) return;
      this.rows.delete(seq);
      if (!hidden) this.expired.add(seq);
    }
  }

  hide(nth) {
    const row = [...this.rows.values()].filter(({ hole }) => !hole)[nth];
    if (row) row.hidden = true;
  }

  get hole() {
    for (const [seq, { hole }] of this.rows) if (hole) return seq;
    return undefined;
  }

  read(after) {
    const readable = this.hole ?? Infinity;
    const rows = [...this.rows].filter(([seq]) => seq < readable);
    if (after === undefined) {
      const items = rows.filter(([, { hidden }]) => !hidden).slice(-PAGE).map(([seq]) => ({ seq }));
      const seq = rows.at(-1)?.[0] ?? (this.hole ? this.hole - 1 : this.newest);
      return { items, seq, recovered: true, more: false };
    }
    const page = { items: [], seq: after, recovered: true, more: false };
    for (const [seq, { hidden }] of rows.filter(([seq]) => seq > after)) {
      if (!hidden && page.items.length === PAGE) return { ...page, more: true };
      // The seqs before a first row, or before a generation's first row, have expired.
      if (seq !== page.seq + 1) page.recovered = false;
      page.seq = seq;
      if (!hidden) page.items.push({ seq });
    }
    if (!this.rows.size && this.newest > page.seq) return { ...page, recovered: false, seq: this.newest };
    return page;
  }
}

/** The server's and the network's half of a connection. */
class Wire {
  static world;
  tab = running.getStore();
  readyState = 0;
  /** The frames that the client sent. */
  questions = [];
  /** Answers that are being sent, each in order. */
  answers = [];
  /** The frames on the way to the client, in order. */
  frames = [];
  late = [];

  constructor() {
    // A closed tab runs nothing but the code that has just begun.
    if (!this.tab.isClosed) Wire.world.wires.push(this);
  }

  send(frame) {
    if (this.readyState === 1) this.questions.push(JSON.parse(frame));
  }

  close() {
    if (this.readyState < 2) this.readyState = 2;
  }

  opens(well) {
    if (this.readyState !== 0) return;
    this.readyState = well ? 1 : 3;
    if (well) this.tab.run(() => this.onopen());
    else this.cut();
  }

  cut() {
    this.readyState = 3;
    this.tab.run(() => {
      this.onerror({});
      this.onclose({});
    });
  }

  /** Puts the first frame of an answer onto the wire. The number chooses the answer. */
  answer(which) {
    const answers = this.answers.filter((answer) => answer.length);
    const frame = answers[which % answers.length]?.shift();
    if (frame) this.frames.push(frame);
  }

  arrive() {
    if (this.tab.isFrozen) return;
    const frame = this.frames.shift();
    // Frames that an old connection still brings reach the client too.
    if (frame && (this.readyState === 1 || this.readyState === 2)) this.tab.run(() => this.onmessage({ data: JSON.stringify(frame) }));
  }
}

const notifications = (seqs, replay) => ({ type: "notifications", channel: CHANNEL, items: seqs.map((seq) => ({ seq })), replay });

/** One tab: an application and its client. */
class Tab {
  isFrozen = false;
  isAside = false;
  isClosed = false;
  /** The notifications that the application saw, each with whether `onGap` was called right before it. */
  seen = [];
  gapTold = false;
  kept = {};
  /** The number of next reads of the storage that fail. */
  failures = 0;
  storage = { getItem: (key) => this.read(key), setItem: (key, value) => (this.kept[key] = value) };

  constructor(world, own) {
    this.world = world;
    this.options = { ...world.options, own };
    this.start();
  }

  /** Runs a function in this tab. A frozen tab runs it when it resumes. */
  run(then) {
    if (this.isFrozen) running.run(this, () => setTimeout(then));
    else if (!this.isClosed) running.run(this, then);
  }

  start() {
    this.run(() => this.#start());
  }

  #start() {
    this.tidings = new Tidings({
      http: "https://tidings",
      websocket: "wss://tidings",
      token: "token",
      scope: "here",
      transport: this.options.transport,
      shared: this.options.shared,
      storage: this.storage,
      WebSocket: Wire,
      fetch: (url, { signal }) => this.world.fetch(url, signal),
      onError: (error) => {
        if (error.code !== "storage_failed") throw error;
      },
      // Short periods, so that two sockets, or a socket and polls, often overlap.
      timing: { replace: [20_000, 60_000], upgrade: [2_000, 20_000], ...this.options.timing },
      ...this.options.own,
    });
    this.subscribe();
  }

  read(key) {
    if (this.failures-- > 0) throw new Error("the storage is busy");
    return this.kept[key];
  }

  subscribe() {
    this.run(() => this.#subscribe());
  }

  #subscribe() {
    this.hasLeft = false;
    this.subscription = this.tidings.subscribe(CHANNEL, {
      after: this.options.after,
      onNotification: ({ seq }) => {
        this.seen.push({ seq, gapTold: this.gapTold });
        this.gapTold = false;
        // The application is slow with every fourth notification.
        return seq % 4 === 0 ? new Promise((resolve) => setTimeout(resolve, 300)) : undefined;
      },
      onGap: () => (this.gapTold = true),
    });
  }

  leave() {
    this.run(() => this.subscription.unsubscribe());
    this.hasLeft = true;
  }

  get log() {
    return this.world.log;
  }

  /** The first violation of the promise, if there is one. */
  complaint() {
    let before;
    for (const { seq, gapTold } of this.seen) {
      if (seq <= before) return `${before} came before ${seq}`;
      if (before !== undefined) {
        const complaint = this.#skipped(before, seq, gapTold);
        if (complaint) return complaint;
      }
      before = seq;
    }
    return undefined;
  }

  /** Checks the skipped seqs: each has to be hidden, or expired and reported by `onGap`. */
  #skipped(before, seq, gapTold) {
    for (let skipped = before + 1; skipped < seq && skipped <= before + 900; skipped++) {
      const row = this.log.rows.get(skipped);
      if (row && !row.hidden) return `${skipped} was skipped`;
      if (this.log.expired.has(skipped) && !gapTold) return `no gap was reported for ${skipped}, which expired`;
    }
    return undefined;
  }

  incompleteness() {
    const [first] = this.seen;
    const { newest } = this.log;
    if (this.seen.at(-1)?.seq !== newest) return `the end is missing: ${newest}`;
    if (this.subscription.seq !== newest) return `the cursor is ${this.subscription.seq}, not ${newest}`;
    if (this.kept[`tidings:here:${CHANNEL}`] !== `${newest}`) return "the kept cursor is another";
    const { after } = this.options;
    return after === undefined ? undefined : this.#skipped(after, first.seq, first.gapTold);
  }
}

export class World {
  clock = new Clock();
  log = new Log();
  wires = [];
  polls = [];
  browser = browser();

  constructor({ after, transport, before, timing, tabs = 1, shared = tabs > 1, each = [], refusesLocks }) {
    Wire.world = this;
    this.options = { transport, after, timing, tabs, shared };
    if (refusesLocks) navigator.locks.request = async () => Promise.reject(new DOMException("not here", "SecurityError"));
    for (let n = 0; n < before; n++) this.log.append();
    this.tabs = Array.from({ length: tabs }, (_, n) => new Tab(this, each[n]));
  }

  /** The first tab, for worlds with a single one. */
  get tab() {
    return this.tabs[0];
  }

  fetch(url, signal) {
    return new Promise((resolve, reject) => {
      const [, seq] = /channel=user%3Aalice(?:%3A(\d+))?&/.exec(url);
      const poll = { tab: running.getStore(), after: seq && Number(seq), resolve, reject, answer: undefined };
      this.polls.push(poll);
      signal.addEventListener("abort", () => {
        this.polls = this.polls.filter((other) => other !== poll);
        reject(new Error("aborted"));
      });
    });
  }

  get open() {
    return this.wires.filter(({ readyState, joined }) => joined && readyState === 1);
  }

  push(seq, how) {
    for (const wire of this.open) {
      if (how === "arrives") wire.frames.push(notifications([seq]));
      if (how === "doubles") wire.frames.push(notifications([seq, seq]), notifications([seq]));
      if (how === "is late") wire.late.push(seq);
    }
  }

  serve(wire, how) {
    const question = wire.questions.shift();
    if (!question) return;
    const { action, after, ref } = question;
    if (action === "ping") return void wire.frames.push({ type: "pong" });
    wire.joined = action === "subscribe";
    if (how === "gateway error") wire.frames.push({ message: "Internal server error" });
    if (how === "busy") wire.frames.push({ type: "error", code: "channel_busy", detail: "", ref });
    if (how !== "well") return;
    if (!wire.joined) return void wire.frames.push({ type: "unsubscribed", channel: CHANNEL, ref });
    const { items, ...position } = this.log.read(after);
    const seqs = items.map(({ seq }) => seq);
    const frames = [seqs.slice(0, 2), seqs.slice(2)].filter((part) => part.length).map((part) => notifications(part, ref));
    wire.answers.push([...frames, { type: "subscribed", channel: CHANNEL, ...position, ref }]);
  }

  servePoll(how) {
    const poll = this.polls.find(({ answer }) => !answer);
    if (!poll) return;
    const page = { channel: CHANNEL, ...this.log.read(poll.after) };
    poll.answer = how === "well" ? Response.json({ channels: [page] }) : Response.json({}, { status: 503 });
    if (how === "silence") poll.answer = new TypeError("network");
  }

  arrivePoll() {
    const poll = this.polls.find(({ answer, tab }) => answer && !tab.isFrozen);
    if (!poll) return;
    this.polls = this.polls.filter((other) => other !== poll);
    if (poll.answer instanceof Error) poll.reject(poll.answer);
    else poll.resolve(poll.answer);
  }

  happenings = {
    publish: (pushes) => pushes.forEach((how) => this.push(this.log.append(), how)),
    publishLeavingAHole: (how) => {
      if (this.log.hole) return;
      this.log.append({ hole: true });
      this.push(this.log.append(), how);
    },
    fillHole: (how) => {
      const seq = this.log.hole;
      if (!seq) return;
      this.log.rows.set(seq, {});
      this.push(seq, how);
    },
    expire: (count) => this.log.expire(count),
    hide: (nth) => this.log.hide(nth),
    startGeneration: (how) => this.log.hole || this.push(this.log.startGeneration(), how),
    serve: ([which, how]) => this.one(which, (wire) => this.serve(wire, how)),
    answer: ([which, answer]) => this.one(which, (wire) => wire.answer(answer)),
    arrive: async ([which, count]) => {
      for (let n = 0; n < count; n++) {
        this.one(which, (wire) => wire.arrive());
        await this.clock.settle();
      }
    },
    garble: (which) =>
      this.one(which, (wire) => wire.readyState === 1 && (wire.frames.shift(), wire.tab.run(() => wire.onmessage({ data: "{" })))),
    late: ([which, nth]) =>
      this.one(which, (wire) => {
        const [seq] = wire.late.splice(nth % wire.late.length, 1);
        if (seq) wire.frames.push(notifications([seq]));
      }),
    connect: (well) => this.wires.findLast((wire) => wire.readyState === 0 && wire.onopen)?.opens(well),
    cut: (which) => this.one(which, (wire) => wire.readyState === 1 && wire.cut()),
    servePoll: (how) => this.servePoll(how),
    arrivePoll: () => this.arrivePoll(),
    wait: (time) => this.clock.wind(time),
    leave: (nth) => this.active(nth, (tab) => tab.leave()),
    comeBack: (nth) =>
      this.active(nth, (tab) => {
        tab.leave();
        tab.subscribe();
      }),
    failStorage: (times) => (this.tab.failures = times),
    restart: (nth) =>
      this.active(nth, async (tab) => {
        // A new client waits for the notification that is being handled.
        tab.run(() => tab.tidings.close());
        await this.clock.wind(1_000);
        tab.start();
      }),
    freeze: (nth) => this.active(nth, (tab) => (tab.isFrozen = true)),
    putAside: (nth) => this.active(nth, (tab) => (tab.isFrozen = tab.isAside = true)),
    resume: (nth) => {
      const tab = this.tabs[nth % this.tabs.length];
      tab.isFrozen = tab.isAside = false;
    },
    closeTab: (nth) => this.active(nth, (tab) => this.close(tab)),
    openTab: () => this.tabs.length < this.options.tabs && this.tabs.push(new Tab(this)),
    freezeLeader: () => {
      const leader = this.wires.findLast(({ readyState }) => readyState === 1)?.tab;
      if (leader) leader.isFrozen = true;
    },
    closeLeader: () => {
      const leader = this.wires.findLast(({ readyState }) => readyState === 1)?.tab;
      if (leader && this.tabs.length > 1) this.close(leader);
    },
  };

  /** Calls back with a tab that is not frozen. */
  active(nth, then) {
    const tabs = this.tabs.filter(({ isFrozen }) => !isFrozen);
    return tabs.length ? then(tabs[nth % tabs.length]) : undefined;
  }

  /** Closes a tab. Its client does not learn of it. */
  close(tab) {
    tab.isClosed = true;
    tab.isFrozen = false;
    for (const wire of this.wires) if (wire.tab === tab) wire.readyState = 3;
    this.polls = this.polls.filter((poll) => poll.tab !== tab);
    this.browser.close(tab);
    this.tabs = this.tabs.filter((other) => other !== tab);
    if (!this.tabs.length) this.tabs.push(new Tab(this));
  }

  /** Calls back with one of the last two connections. */
  one(which, then) {
    const wires = this.wires.filter(({ readyState }) => readyState === 1 || readyState === 2).slice(-2);
    if (wires.length) then(wires[which % wires.length]);
  }

  async happen([kind, argument]) {
    await this.happenings[kind](argument);
    await this.clock.settle();
  }

  /** Lets everything go well until all clients have caught up. */
  async settle() {
    await this.happenings.fillHole("is lost");
    for (const tab of this.tabs) {
      tab.failures = 0;
      tab.isFrozen = tab.isAside = false;
    }
    await this.clock.wind(0);
    for (const tab of this.tabs) if (tab.hasLeft) tab.subscribe();
    for (let round = 0; round < 60; round++) {
      // The loss of a last push shows only when something follows.
      if (round === 40) await this.happen(["publish", ["arrives"]]);
      await this.happen(["connect", true]);
      for (let n = 0; n < 20; n++) {
        for (const wire of this.wires.slice(-2 * this.options.tabs)) {
          this.serve(wire, "well");
          wire.answer(0);
          wire.arrive();
          const [seq] = wire.late.splice(0, 1);
          if (seq) wire.frames.push(notifications([seq]));
        }
        this.servePoll("well");
        this.arrivePoll();
        await this.clock.wind(0);
      }
      await this.clock.wind(5_000);
    }
  }

  complaint() {
    return this.tabs.map((tab) => tab.complaint()).find((complaint) => complaint);
  }

  /** The first fault at the end: a missing notification, or one socket too many. */
  incompleteness() {
    const holders = new Set(this.wires.filter(({ readyState }) => readyState === 1).map(({ tab }) => tab));
    if (holders.size > 1) return `${holders.size} tabs have sockets`;
    return this.tabs.map((tab) => tab.incompleteness()).find((complaint) => complaint);
  }

  end() {
    for (const tab of this.tabs) {
      tab.tidings.close();
      tab.isClosed = true;
    }
    this.clock.restore();
    this.browser.restore();
  }
}
