// A browser's locks and broadcast channels for several tabs. A frozen tab gets its messages when it resumes; a tab that is put aside
// (the back/forward cache of some browsers) never gets them.

import { running } from "./clock.js";

/** One lock. */
class Lock {
  #held;
  #queue = [];

  request({ steal }, hold) {
    return new Promise((resolve, reject) => {
      if (running.getStore().isClosed) return;
      const request = { tab: running.getStore(), hold, resolve, reject };
      if (!steal) this.#queue.push(request);
      else {
        const { tab, reject } = this.#held ?? {};
        this.#held = undefined;
        if (tab) running.run(tab, () => setTimeout(() => reject(Object.assign(new Error("stolen"), { name: "AbortError" }))));
        this.#grant(request);
      }
      this.#next();
    });
  }

  #next() {
    if (!this.#held && this.#queue.length) this.#grant(this.#queue.shift());
  }

  #grant(request) {
    this.#held = request;
    const { tab, hold, resolve } = request;
    const held = async () => {
      await hold({});
      if (this.#held !== request) return;
      this.#held = undefined;
      resolve();
      this.#next();
    };
    running.run(tab, () => setTimeout(() => void held()));
  }

  /** Takes a closed tab out of the lock and its queue. */
  forget(tab) {
    this.#queue = this.#queue.filter((request) => request.tab !== tab);
    if (this.#held?.tab === tab) this.#held = undefined;
    this.#next();
  }
}

/** Puts these in place of the global ones. Returns functions that close a tab and that restore the globals. */
export function browser() {
  const before = ["navigator", "BroadcastChannel"].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  const [byName, channels] = [new Map(), new Set()];
  const locks = {
    request: (name, options, hold) => {
      if (!byName.has(name)) byName.set(name, new Lock());
      return byName.get(name).request(options, hold);
    },
  };
  const define = (name, value) => Object.defineProperty(globalThis, name, { configurable: true, writable: true, value });
  define("navigator", { locks });
  define("BroadcastChannel", class {
    tab = running.getStore();

    constructor(name) {
      this.name = name;
      if (!this.tab.isClosed) channels.add(this);
    }

    postMessage(data) {
      for (const channel of channels) {
        if (channel === this || channel.name !== this.name || channel.tab.isAside) continue;
        running.run(channel.tab, () => setTimeout(() => channels.has(channel) && channel.onmessage({ data: structuredClone(data) })));
      }
    }

    close() {
      channels.delete(this);
    }
  });
  return {
    close: (tab) => {
      for (const channel of channels) if (channel.tab === tab) channels.delete(channel);
      for (const lock of byName.values()) lock.forget(tab);
    },
    restore: () => {
      for (const [name, descriptor] of before) {
        if (descriptor) Object.defineProperty(globalThis, name, descriptor);
        else delete globalThis[name];
      }
    },
  };
}
