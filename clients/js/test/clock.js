// A clock that a test winds. Promises settle between any two timers. The timers of a frozen tab fire when it resumes. Those of a
// closed tab never fire.

import { AsyncLocalStorage } from "node:async_hooks";

/** The tab whose code runs. */
export const running = new AsyncLocalStorage();

const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now, random: Math.random };

export class Clock {
  now = 1_795_000_000_000;
  #timers = new Map();
  #last = 0;

  constructor() {
    globalThis.setTimeout = (then, time = 0) => {
      this.#timers.set(++this.#last, { at: this.now + Math.max(0, time), then, tab: running.getStore() });
      return this.#last;
    };
    globalThis.clearTimeout = (id) => void this.#timers.delete(id);
    Date.now = () => this.now;
    // Jitter is the same in each run, so that a failure can be repeated.
    let seed = 1;
    Math.random = () => (seed = (seed * 48_271) % 0x7fff_ffff) / 0x7fff_ffff;
  }

  restore() {
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    Date.now = real.now;
    Math.random = real.random;
  }

  /** Lets all promises settle. */
  settle() {
    return new Promise(setImmediate);
  }

  async wind(time) {
    const end = this.now + time;
    for (;;) {
      await this.settle();
      const due = [...this.#timers].filter(([, { at, tab }]) => at <= end && !tab?.isFrozen).sort(([a, one], [b, other]) => one.at - other.at || a - b);
      if (!due.length) break;
      const [[id, { at, then, tab }]] = due;
      this.#timers.delete(id);
      this.now = Math.max(this.now, at);
      if (!tab?.isClosed) running.run(tab, then);
    }
    this.now = end;
  }
}
