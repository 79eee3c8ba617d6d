import type { Channel } from "./channel.js";
import type { TidingsError } from "./error.js";
import type { Http } from "./http.js";
import { about, backoff, pause, within, type Timing } from "./timing.js";
import type { Options } from "./types.js";

/** The most channels that one request names. */
const MOST = 10;
/** A long poll that brought nothing and took no longer than this is not repeated at once. */
const BRIEF = 1e3;

/** The client that has the channels. */
interface Owner {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  readonly channels: ReadonlyMap<string, Channel>;
  /** A poll was answered. */
  polled(): void;
  /** A poll has failed, and is repeated after `wait` milliseconds. */
  pollFailed(wait: number, hasWorked: boolean | undefined): void;
  /** The server refuses a channel. */
  refuse(channel: Channel, error: TidingsError): void;
  tellOnce(error: TidingsError): void;
}

/** Polls for all channels, ten in a request. */
export class Polling {
  #client: Owner;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  /** A poll was answered. */
  #works: boolean | undefined;
  /** The time until which this user's polls use all their places at the server. */
  #full = 0;

  constructor(client: Owner) {
    this.#client = client;
    this.restart();
  }

  /** Starts polling anew, for the present channels. */
  restart(): void {
    this.stop();
    const { signal } = (this.#abort = new AbortController());
    // Several changes of channels at once make one restart.
    this.#timer = setTimeout(() => {
      const channels = [...this.#client.channels.values()].filter((channel) => channel.ready);
      for (let at = 0; at < channels.length; at += MOST) {
        void this.#run(channels.slice(at, at + MOST), signal);
      }
    });
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort?.abort();
  }

  async #run(group: Channel[], signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const channels = group.filter((channel) => channel.hasRoom());
      // The client restarts polling as soon as a channel has room.
      if (!channels.length) return;
      await pause(await this.#ask(channels, signal), signal);
    }
  }

  /** Polls once. Returns the time to wait before the next poll. */
  async #ask(channels: Channel[], signal: AbortSignal): Promise<number> {
    const { options, periods, api } = this.#client;
    const cursors = channels.map((channel) => channel.cursor);
    const began = Date.now();
    const isLong = began >= this.#full && options.transport != "poll";
    const wait = isLong && channels.every((channel) => channel.loaded) ? periods.poll : 0;
    // Each channel has its cursor, if there is one.
    const query = channels.map(({ name }, at) => `channel=${encodeURIComponent([name, cursors[at]].join(":").replace(/:$/, ""))}&`).join("");
    try {
      const { channels: pages } = await api.call(`/v1/notifications?${query}wait=${wait / 1e3}`, {}, wait, signal);
      if (signal.aborted) return 0;
      this.#failures = 0;
      this.#works = true;
      this.#client.polled();
      let behind = false;
      for (const page of pages) {
        const at = channels.findIndex((channel) => channel.name == page.channel);
        if (channels[at]?.answer(cursors[at], page)) behind = true;
      }
      const helped = channels.some((channel, at) => channel.cursor != cursors[at]);
      if (helped && behind) return 0;
      const isBrief = !helped && Date.now() - began <= BRIEF;
      // The stack may have waiting switched off.
      if (!isLong || (isBrief && wait && !behind)) return about(options.pollInterval ?? 5e3);
      return isBrief ? within(periods.gap) : 0;
    } catch (error) {
      return signal.aborted ? 0 : this.#failed(channels, error as TidingsError);
    }
  }

  #failed(channels: Channel[], error: TidingsError): number {
    const { code, status = 500, field, retryAfter = 0 } = error;
    const isPermanent = status < 500 && status != 429;
    const blamed = channels[Number(/^channel\[(\d+)]/.exec(field ?? "")?.[1])];
    if (isPermanent && blamed) {
      this.#client.refuse(blamed, error);
      return 0;
    }
    if (code == "too_many_polls") {
      // The server answers polls that do not wait. A proxy may have removed the header.
      this.#full = Date.now() + retryAfter + BRIEF;
      return 0;
    }
    if (isPermanent || code == "token_failed") this.#client.tellOnce(error);
    const { retry } = this.#client.periods;
    // A refused fresh token may be valid in a moment: its issuer's clock may be ahead of the server's.
    const wait = retryAfter + backoff(isPermanent && status != 401 ? [retry[1], retry[1]] : retry, ++this.#failures);
    this.#client.pollFailed(wait, this.#works);
    return wait;
  }
}
