import { Client } from "./client.js";
import type { Options, SubscribeOptions, Subscription } from "./types.js";

export { TidingsError } from "./error.js";
export type { Range, Timing } from "./timing.js";
export type * from "./types.js";

/** Listens to channels: over a socket, or by polling where sockets are blocked. */
export interface Tidings {
  /** Hands on the notifications of a channel, each exactly once and in order. */
  subscribe(channel: string, options: SubscribeOptions): Subscription;
  /** Stops for good. What was not handed over yet comes again to whoever goes on with the same storage. */
  close(): void;
}

/** Connects with the first channel that is subscribed to. */
export const Tidings: new (options: Options) => Tidings = Client;
