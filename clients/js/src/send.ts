import { TidingsError } from "./error.js";
import { Http } from "./http.js";
import { PATIENCE, backoff, pause } from "./timing.js";
import type { Options } from "./types.js";

export { TidingsError } from "./error.js";

/** The tries of a call. */
const TRIES = 5;
/** The first and the longest wait before another try, on top of the wait that the server asks for. */
const RETRY = [200, 5e3] as const;

export type Priority = "low" | "normal" | "high";

/** The content of a notification. One of `title`, `body` and `data` is required. */
export interface Content {
  /** A channel, or up to 25. */
  to: string | string[];
  title?: string;
  body?: string;
  url?: string;
  data?: unknown;
  priority?: Priority;
  /** Within one answer a reader gets only the newest notification of a key. */
  collapse_key?: string;
  /** `1s` to `365d`: readers see the notification for that long. */
  ttl?: string;
  /** `false` pushes to the present connections, and stores nothing. */
  store?: boolean;
}

/** The time at which a notification is sent: one of the first three fields. */
export interface When {
  /** RFC 3339, with its offset. */
  deliver_at?: string;
  /** `0s` to `366d`. */
  delay?: string;
  /** A cron expression. */
  repeat?: string;
  /** An IANA time zone, for `repeat`. */
  time_zone?: string;
}

export interface SendOptions {
  /** Under one key a notification is sent once. Left out, the client makes a key for each call, and retries under it. */
  key?: string;
  signal?: AbortSignal;
}

export type NotificationState = "sent" | "scheduled" | "cancelled" | "failed";

export interface Sent {
  id: string;
  state: NotificationState;
  deliver_at?: string;
  channels: { channel: string; seq?: number; connections: number; endpoints: number; queued: boolean }[];
}

export interface Scheduled {
  id: string;
  state: NotificationState;
  deliver_at?: string;
  sent_at?: string;
  dead_lettered_at?: string;
  channels: { channel: string; seq?: number }[];
  repeat?: string;
  time_zone?: string;
  last?: string;
}

export interface ChannelState {
  channel: string;
  /** The newest seq; 0 where the log is empty. */
  seq: number;
  oldest?: number;
  connections: number;
  endpoints: number;
  unread?: number;
}

/** An endpoint to add. */
export type NewEndpoint = { min_priority?: Priority; only_when_offline?: boolean } & (
  | { kind: "webhook"; url: string }
  | { kind: "web_push"; subscription: unknown }
  | { kind: "mobile_push"; target_arn: string }
  | { kind: "sms"; phone: string }
  | { kind: "email"; address: string }
);

export interface Endpoint {
  id: string;
  kind: NewEndpoint["kind"];
  owner: string;
  state: "active" | "failing" | "disabled";
  /** The secret of a webhook, in the answers to `add` and `rotate` only. */
  secret?: string;
  [other: string]: unknown;
}

export type SenderOptions = Pick<Options, "http" | "token" | "fetch">;

/** Sends notifications, now or later, and manages endpoints, over HTTP. */
export class Sender {
  #http: Http;

  constructor(options: SenderOptions) {
    this.#http = new Http(options);
  }

  /** Sends a notification at once. */
  async send(content: Content, { key, signal }: SendOptions = {}): Promise<Sent> {
    const body = JSON.stringify(content);
    // An unstored notification has no key, and is tried once: a second try could push it twice.
    if (content.store === false) return this.#call("POST", "/v1/notifications", { body }, signal, 1);
    const headers = { "idempotency-key": key ?? randomKey() };
    return this.#call("POST", "/v1/notifications", { body, headers }, signal);
  }

  /** Sends a notification later, or repeatedly. */
  schedule(content: Content & When, options?: SendOptions): Promise<Sent> {
    return this.send(content, options);
  }

  /** Returns the state of a scheduled notification. */
  look(id: string): Promise<Scheduled> {
    return this.#call("GET", `/v1/notifications/${encodeURIComponent(id)}`);
  }

  /** Cancels a scheduled notification, as far as it is not sent yet, or a whole series. */
  cancel(id: string): Promise<Scheduled> {
    return this.#call("DELETE", `/v1/notifications/${encodeURIComponent(id)}`);
  }

  /** Returns the state of a channel. */
  channel(name: string): Promise<ChannelState> {
    return this.#call("GET", channelPath(name));
  }

  /** The endpoints of a channel. */
  endpoints(channel: string): Endpoints {
    const path = `${channelPath(channel)}/endpoints`;
    const at = (id: string, action = "") => `${path}/${encodeURIComponent(id)}${action}`;
    return {
      list: async () => (await this.#call("GET", path)).endpoints,
      add: (endpoint) => this.#call("POST", path, { body: JSON.stringify(endpoint) }),
      look: (id) => this.#call("GET", at(id)),
      remove: async (id) => {
        try {
          await this.#call("DELETE", at(id));
        } catch (error) {
          // An earlier try has removed it.
          if ((error as TidingsError).status != 404) throw error;
        }
      },
      // A second try would make another secret, and end the first one.
      rotate: (id) => this.#call("POST", at(id, "/rotate"), {}, undefined, 1),
      replay: (id, seq) => this.#call("POST", at(id, "/replay"), { body: JSON.stringify({ seq }) }),
    };
  }

  async #call(method: string, path: string, init: RequestInit = {}, signal?: AbortSignal, most = TRIES): Promise<any> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#http.call(path, { ...init, method }, 0, signal);
      } catch (error) {
        const { status, retryAfter = 0 } = error as TidingsError;
        const mayPass = (!status || status >= 500 || status == 429) && retryAfter <= PATIENCE;
        if (tries >= most || !mayPass || signal?.aborted) throw error;
        await pause(retryAfter + backoff(RETRY, tries), signal);
      }
    }
  }
}

/** The endpoints of one channel. */
export interface Endpoints {
  list(): Promise<Endpoint[]>;
  /** Adds an endpoint. A second `add` of the same one by its owner returns the same endpoint. */
  add(endpoint: NewEndpoint): Promise<Endpoint>;
  look(id: string): Promise<Endpoint>;
  /** Removes an endpoint; does nothing if it is gone. */
  remove(id: string): Promise<void>;
  /** Makes a new secret for a webhook. The call is tried once. */
  rotate(id: string): Promise<Endpoint>;
  /** Sends the notifications from a seq on once more. */
  replay(id: string, seq: number): Promise<{ queued: number; from: number; seq: number; more: boolean }>;
}

function channelPath(channel: string): string {
  return `/v1/channels/${encodeURIComponent(channel)}`;
}

/** A random key. `crypto.randomUUID` exists on secure pages only. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
