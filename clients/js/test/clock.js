// A clock that a test winds. Promises settle between any two timers.

const real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, now: Date.now };

export class Clock {
  now = 1_795_000_000_000;
  #timers = new Map();
  #last = 0;

  constructor() {
    globalThis.setTimeout = (then, time = 0) => {
      this.#timers.set(++this.#last, { at: this.now + Math.max(0, time), then });
      return this.#last;
    };
    globalThis.clearTimeout = (id) => void this.#timers.delete(id);
    Date.now = () => this.now;
  }

  restore() {
    globalThis.setTimeout = real.setTimeout;
    globalThis.clearTimeout = real.clearTimeout;
    Date.now = real.now;
  }

  /** Lets everything happen that waits for nothing but its turn. */
  settle() {
    return new Promise(setImmediate);
  }

  async wind(time) {
    const end = this.now + time;
    for (;;) {
      await this.settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([a, one], [b, other]) => one.at - other.at || a - b);
      if (!due.length) break;
      const [[id, { at, then }]] = due;
      this.#timers.delete(id);
      this.now = Math.max(this.now, at);
      then();
    }
    this.now = end;
  }
}
