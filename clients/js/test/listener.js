// A client, and the events that its application got.

import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket as WsWebSocket } from "ws";
import { Tidings } from "../dist/tidings.js";

/** Periods that are short, so that tests are quick, and far enough apart to tell one from another. */
export const QUICK = {
  gap: [20, 40],
  answer: [5_000, 5_000],
  ping: [10_000, 10_000],
  pong: 3_000,
  connect: 3_000,
  blocked: 0,
  replace: [600_000, 600_000],
  reconnect: [0, 20],
  retry: [20, 100],
  upgrade: [80, 300],
  poll: 1_000,
};

export class Listener {
  states = [];
  errors = [];
  /** The seqs by channel, as the four below are. */
  seqs = {};
  gaps = {};
  unreads = {};
  loads = {};
  subscriptions = {};

  constructor(stack, { channels = {}, timing, ...options } = {}) {
    this.tidings = new Tidings({
      ...stack.urls,
      token: "token",
      WebSocket: globalThis.WebSocket ?? WsWebSocket,
      timing: { ...QUICK, ...timing },
      onState: (state) => this.states.push(state),
      onError: (error) => this.errors.push(error),
      ...options,
    });
    for (const [channel, after] of Object.entries(channels)) this.subscribe(channel, { after });
  }

  subscribe(channel, { after, ...handlers } = {}) {
    this.seqs[channel] = [];
    this.gaps[channel] = [];
    this.unreads[channel] = [];
    this.loads[channel] = 0;
    return (this.subscriptions[channel] = this.tidings.subscribe(channel, {
      ...(typeof after === "number" && { after }),
      onNotification: (notification) => void this.seqs[channel].push(notification.seq),
      onGap: (gap) => void this.gaps[channel].push(gap),
      onUnread: (count) => void this.unreads[channel].push(count),
      onLoaded: () => void this.loads[channel]++,
      ...handlers,
    }));
  }

  get state() {
    return this.states.at(-1);
  }
}

/** Waits for a condition, and fails with the state that there is instead. */
export async function until(condition, tell = () => "", patience = 8_000) {
  for (const end = Date.now() + patience; ; await sleep(2)) {
    if (condition()) return;
    if (Date.now() > end) throw new Error(`${condition} did not become true: ${JSON.stringify(tell())}`);
  }
}

export function upTo(last, first = 1) {
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}

/** Runs a test with a stack of its own, and ends all that it started. */
export function withStack(body) {
  return async (context) => {
    const { Stack } = await import("./stack.js");
    const stack = await Stack.start();
    const listeners = [];
    const listen = (options) => {
      const listener = new Listener(stack, options);
      listeners.push(listener);
      return listener;
    };
    try {
      await body({ stack, listen, context });
    } finally {
      for (const { tidings } of listeners) tidings.close();
      await stack.stop();
    }
  };
}
