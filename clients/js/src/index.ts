import { Client } from "./client.js";
import type { Options, SubscribeOptions, Subscription } from "./types.js";

export { TidingsError } from "./error.js";
export type { Range, Timing } from "./timing.js";
export type * from "./types.js";

/** A client that listens to channels: over a socket, or by polling where sockets are blocked. */
export interface Tidings {
  /** Hands on the notifications of a channel, each exactly once and in order. */
  subscribe(channel: string, options: SubscribeOptions): Subscription;
  /** Stops for good. The next client with the same storage gets the notifications that were not handed over. */
  close(): void;
}

/** Connects with the first `subscribe`. */
export const Tidings: new (options: Options) => Tidings = Client;
