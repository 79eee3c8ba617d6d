import type { TidingsError } from "./error.js";
import type { Timing } from "./timing.js";

/** How notifications come. */
export type Transport = "auto" | "socket" | "long-poll" | "poll";

/**
 * Where the client stands: `live` on a socket, `polling`, `connecting` for the first time or again, `offline` while
 * that fails, `closed` for good.
 */
export type State = "connecting" | "live" | "polling" | "offline" | "closed";

/** A notification as readers see it. */
export interface Notification {
  channel: string;
  /** Its place in the channel's log. Missing if it was sent with `store: false`. */
  seq?: number;
  id: string;
  /** When it was accepted, as RFC 3339 in UTC. */
  sent_at: string;
  title?: string;
  body?: string;
  url?: string;
  data?: unknown;
  priority?: "low" | "normal" | "high";
  collapse_key?: string;
  /** A newer release has written it, and the one that answered cannot read it: all but its place is missing. */
  unreadable?: true;
  [other: string]: unknown;
}

/** Notifications that may be lost. */
export interface Gap {
  /** The last seq before them. */
  after: number;
  /** The last seq that may be one of them; with `reset`, where the other log stands. */
  seq: number;
  /** The log is another one than `after` was of: a restored table, another deployment. */
  reset: boolean;
}

/** Where cursors are kept, such as `localStorage`, under `tidings:<scope>:<channel>`. */
export interface CursorStorage {
  getItem(key: string): string | null | undefined | Promise<string | null | undefined>;
  setItem(key: string, value: string): unknown;
}

export interface Options {
  /** Base URL of the HTTP API. */
  http: string;
  /** Base URL of the WebSocket API. Left out: no socket is ever tried. */
  websocket?: string;
  /** A token, or where to get one: asked anew before each connection, and once more after a 401. */
  token: string | (() => string | Promise<string>);
  /** Where to get a ticket for a socket, instead of the token: asked anew for each handshake. */
  ticket?: () => string | Promise<string>;
  /** `auto`, which is usual, is a socket, or long polls where sockets are blocked. */
  transport?: Transport;
  /** Milliseconds between two polls that do not wait at the server; 5,000 if left out. A quarter of it is jitter. */
  pollInterval?: number;
  /** Left out: cursors are kept in memory only. */
  storage?: CursorStorage;
  /** Whose cursors the storage keeps. Left out: `<http>:<sub of the token>`, so each user of each stack has cursors of their own. */
  scope?: string;
  /**
   * Whether the tabs of one user share one connection. Left out: where there is a `document`. It needs `navigator.locks`,
   * `BroadcastChannel` and a transport with sockets; without them each tab has its own.
   */
  shared?: boolean;
  onState?: (state: State) => void;
  /** What trying again does not mend. Left out: it goes to the console. */
  onError?: (error: TidingsError) => void;
  /** Another implementation than the global one, such as that of the package `ws` in Node 20. */
  WebSocket?: new (url: string, protocols?: string[]) => any;
  /** Another implementation than the global one. */
  fetch?: typeof globalThis.fetch;
  /** Other periods than the usual ones. */
  timing?: Partial<Timing>;
}

export interface SubscribeOptions {
  /** The seq to begin behind if the storage knows none. Left out: the newest 50. */
  after?: number;
  /** Takes each notification exactly once and in order; the next one waits for what it returns. */
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
  /** The newest seq that was handed over, within a handler that of its notification; 0 if there was none. */
  readonly seq: number;
  /** How many of an inbox are unread, once that is known. */
  readonly unread: number | undefined;
  /** Marks an inbox as read up to a seq; left out, up to the newest that was handed over. */
  read(seq?: number): Promise<void>;
  /** Stops listening. The storage keeps the cursor. */
  unsubscribe(): void;
}
