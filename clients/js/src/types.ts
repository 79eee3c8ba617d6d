import type { TidingsError } from "./error.js";
import type { Timing } from "./timing.js";

/** The way in which notifications come. */
export type Transport = "auto" | "socket" | "long-poll" | "poll";

/**
 * The state of a client: `live` on a socket, `polling`, `connecting` for the first time or again, `offline` while
 * that fails, `closed` for good.
 */
export type State = "connecting" | "live" | "polling" | "offline" | "closed";

/** A notification as readers see it. */
export interface Notification {
  channel: string;
  /** Its place in the channel's log. Missing if it was sent with `store: false`. */
  seq?: number;
  id: string;
  /** The time at which it was accepted, as RFC 3339 in UTC. */
  sent_at: string;
  title?: string;
  body?: string;
  url?: string;
  data?: unknown;
  priority?: "low" | "normal" | "high";
  collapse_key?: string;
  /** A newer release has stored it, and the server cannot read it: all but its place is missing. */
  unreadable?: true;
  [other: string]: unknown;
}

/** Notifications that may be lost. */
export interface Gap {
  /** The last seq before them. */
  after: number;
  /** The last seq that may be one of them; with `reset`, the newest seq of the other log. */
  seq: number;
  /** `after` was of another log: the table was restored, or the deployment is another one. */
  reset: boolean;
}

/** The storage of cursors, such as `localStorage`. The keys are `tidings:<scope>:<channel>`. */
export interface CursorStorage {
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>;
  setItem(key: string, value: string): unknown;
}

export interface Options {
  /** Base URL of the HTTP API. */
  http: string;
  /** Base URL of the WebSocket API. Left out: the client never tries a socket. */
  websocket?: string;
  /** A token, or a function that returns one: called before each connection, and once more after a 401. */
  token: string | (() => string | Promise<string>);
  /** A function that returns a ticket for a socket, instead of the token: called for each handshake. */
  ticket?: () => string | Promise<string>;
  /** `auto`, the default, is a socket, or long polls where sockets are blocked. */
  transport?: Transport;
  /** Milliseconds between two polls that do not wait at the server; 5,000 if left out. A quarter of it is jitter. */
  pollInterval?: number;
  /** Left out: cursors are kept in memory only. */
  storage?: CursorStorage;
  /** The owner of the stored cursors. Left out: `<http>:<sub of the token>`, so each user of each stack has cursors of their own. */
  scope?: string;
  /**
   * Whether the tabs of one user share one connection. Left out: if there is a `document`. It needs `navigator.locks`,
   * `BroadcastChannel` and a transport with sockets; without them each tab has its own.
   */
  shared?: boolean;
  onState?: (state: State) => void;
  /** Called with each error that a retry does not mend. Left out: errors go to the console. */
  onError?: (error: TidingsError) => void;
  /** Another implementation than the global one, such as the package `ws` in Node 20. */
  WebSocket?: new (url: string, protocols?: string[]) => any;
  /** Another implementation than the global one. */
  fetch?: typeof globalThis.fetch;
  /** Other periods than the usual ones. */
  timing?: Partial<Timing>;
}

export interface SubscribeOptions {
  /** The seq to begin behind if the storage knows none. Left out: the newest 50. */
  after?: number;
  /** Takes each notification exactly once and in order. The next one waits for the promise that it returns. */
  onNotification: (notification: Notification) => unknown;
  /** Notifications may have expired before they could be read. */
  onGap?: (gap: Gap) => unknown;
  /** The number of unread notifications has changed. Inboxes only. */
  onUnread?: (count: number) => unknown;
  /** The channel has caught up with its log: the first time, and after each interruption. */
  onLoaded?: () => unknown;
}

/** A channel that is being listened to. */
export interface Subscription {
  /** The newest seq that was handed over, which in a handler is its notification's; 0 if there was none. */
  readonly seq: number;
  /** The number of unread notifications of an inbox, once it is known. */
  readonly unread: number | undefined;
  /** Marks an inbox as read up to a seq; left out, up to the newest that was handed over. */
  read(seq?: number): Promise<void>;
  /** Stops listening. The storage keeps the cursor. */
  unsubscribe(): void;
}
