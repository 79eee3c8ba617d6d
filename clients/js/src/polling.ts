import type { Channel } from "./channel.js";
import type { TidingsError } from "./error.js";
import type { Http } from "./http.js";
import { about, backoff, pause, within, type Timing } from "./timing.js";
import type { Options } from "./types.js";

/** The most channels that one request names. */
const MOST = 10;
/** A long poll that brought nothing and did not take that long is not asked again at once. */
const BRIEF = 1e3;

/** The client that has the channels. */
interface Owner {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  readonly channels: ReadonlyMap<string, Channel>;
  /** A poll was answered. */
  polled(): void;
  /** A poll has failed, and is made again after that time. */
  pollFailed(wait: number, hasWorked: boolean | undefined): void;
  /** The server does not want to give a channel. */
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
  /** Until then, as many of this user's polls wait at the server as may. */
  #full = 0;

  constructor(client: Owner) {
    this.#client = client;
    this.restart();
  }

  /** Asks anew, for the channels that there are now. */
  restart(): void {
    this.stop();
    const { signal } = (this.#abort = new AbortController());
    // Several channels that come and go at once make one restart.
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
      // As soon as there is room it is restarted.
      if (!channels.length) return;
      await pause(await this.#ask(channels, signal), signal);
    }
  }

  /** Asks once. Returns how long to wait before the next time. */
  async #ask(channels: Channel[], signal: AbortSignal): Promise<number> {
    const { options, periods, api } = this.#client;
    const cursors = channels.map((channel) => channel.cursor);
    const began = Date.now();
    const isLong = began >= this.#full && options.transport != "poll";
    const wait = isLong && channels.every((channel) => channel.loaded) ? periods.poll : 0;
    // Each with its cursor, if it has one.
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
      // Those that do not wait are answered. A proxy may have taken the header away.
      this.#full = Date.now() + retryAfter + BRIEF;
      return 0;
    }
    if (isPermanent || code == "token_failed") this.#client.tellOnce(error);
    const { retry } = this.#client.periods;
    // A fresh token may be good in a moment: its first may be ahead of the server's clock.
    const wait = retryAfter + backoff(isPermanent && status != 401 ? [retry[1], retry[1]] : retry, ++this.#failures);
    this.#client.pollFailed(wait, this.#works);
    return wait;
  }
}
