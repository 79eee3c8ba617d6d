import type { Channel } from "./channel.js";
import type { Item, Page } from "./ordering.js";
import { LONGEST, within, type Timing } from "./timing.js";

/** A connection on which so many questions in a row stay unanswered is given up. */
const UNANSWERED = 4;
/** No more is kept for answers that may yet come: then they count for nothing, and the question is asked again. */
const MOST = 2_000;

/** What a stream needs of its socket. */
interface Connection {
  /** Asks what may be asked now. */
  pump(): void;
  giveUp(): void;
}

/** One channel on a connection, and the one action that may be under way for it. */
export class Stream {
  readonly channel: Channel;
  /** The `ref` of the action under way, or 0. */
  ref = 0;
  /** The server has answered, whatever it said. */
  settled: boolean | undefined;
  /** The server may be pushing the channel. */
  joined: boolean | undefined;
  /** The log holds something that has not come. */
  #behind = true;
  /** By its `ref`, the cursor that each unanswered question was asked with: any of them may be answered yet. */
  #asked = new Map<number, number | undefined>();
  /** What was pushed since the first of them. Only an answer says whether the log is still the one of the cursor. */
  #items: Item[] = [];
  /** Until an answer is due, or a question. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How often a question was put off since one last helped. */
  #delays = 0;
  /** How many questions in a row brought nothing at all. */
  #unanswered = 0;
  /** The gateway said that some action failed, perhaps this one. */
  #failed: boolean | undefined;
  #timing: Timing;
  #connection: Connection;

  constructor(channel: Channel, timing: Timing, connection: Connection) {
    this.channel = channel;
    this.#timing = timing;
    this.#connection = connection;
  }

  /** Whether there is something to do for it now. */
  isDue(): boolean | undefined {
    if (this.#timer) return false;
    return this.channel.gone ? this.joined : this.#behind && this.channel.hasRoom();
  }

  /** The frame to send now. */
  ask(ref: number): object {
    const { name: channel, cursor: after, gone } = this.channel;
    this.ref = ref;
    this.#await();
    if (gone) return { action: "unsubscribe", channel, ref };
    this.#asked.set(ref, after);
    this.joined = true;
    return { action: "subscribe", channel, after, ref };
  }

  /** Takes in what was pushed, or replayed for the question with this `ref`. */
  take(items: Item[], ref: number): void {
    const { channel } = this;
    const isReplay = this.#asked.has(ref);
    // What is replayed for another tab may lie far before what this one begins with.
    if (channel.gone || (ref && !isReplay)) return;
    for (const item of items) if (!item.seq) channel.takeLoose(item);
    const stored = items.filter((item) => item.seq);
    if (this.#asked.size) this.#items.push(...stored);
    if (this.#items.length > MOST) this.#forget(Infinity);
    // Where no cursor is known, only the answer says what the application gets first. What is pushed meanwhile may be of
    // another log; what is replayed follows the cursor or does not, and need not wait for the rest.
    if (isReplay ? channel.cursor != undefined : !this.#behind) channel.take(stored);
    if (this.#behind) return;
    if (!channel.hasGap) this.#delays = 0;
    else if (!this.#timer) this.#later();
  }

  /** An answer is under way on this connection, perhaps this one: it takes as long as the link needs. */
  renew(): void {
    if (this.ref && !this.#failed) this.#await();
  }

  /** Whether this question was asked for it. */
  hasAsked(ref: number): boolean {
    return this.#asked.has(ref) || (ref == this.ref && ref > 0);
  }

  /** Takes in what a `subscribe` was answered with. An older one is as true as the last. */
  answered(ref: number, page: Page): void {
    if (!this.#asked.has(ref)) return this.putOff(ref);
    const after = this.#asked.get(ref);
    const items = this.#items;
    this.#over();
    this.#forget(ref);
    // It was left meanwhile; now that can be said.
    if (this.channel.gone) return;
    this.#behind = this.channel.answer(after, { ...page, items });
    const helped = this.channel.cursor != after;
    if (helped) this.#delays = 0;
    if (this.#behind ? !helped : this.channel.hasGap) this.#later();
  }

  /** Takes in that the channel was left. */
  left(): void {
    this.#over();
    this.joined = false;
  }

  /** The server cannot answer now, and may say for how many seconds not. */
  putOff(ref: number, seconds = 0): void {
    this.#forget(ref);
    this.#over();
    this.#later(Math.min(seconds * 1e3, LONGEST));
  }

  /** An action failed, perhaps this one: then no answer comes. */
  failed(): void {
    if (!this.ref || this.#failed) return;
    this.#failed = true;
    this.#wait(this.#delay(), () => this.#missed());
  }

  /** The connection is over. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The questions up to this one are answered. */
  #forget(ref: number): void {
    for (const asked of this.#asked.keys()) if (asked <= ref) this.#asked.delete(asked);
    if (!this.#asked.size) this.#items = [];
  }

  #over(): void {
    this.stop();
    this.#timer = undefined;
    this.#failed = false;
    this.#unanswered = this.ref = 0;
    this.settled = true;
  }

  #await(): void {
    this.#wait(within(this.#timing.answer) * 2 ** Math.min(this.#unanswered, 2), () => this.#missed());
  }

  #missed(): void {
    this.ref = 0;
    if (!this.#failed && ++this.#unanswered == UNANSWERED) return this.#connection.giveUp();
    this.#failed = false;
    this.#connection.pump();
  }

  #later(wait = 0): void {
    this.#wait(wait + this.#delay(), () => {
      this.#behind ||= !!this.channel.hasGap;
      this.#connection.pump();
    });
  }

  #wait(time: number, then: () => void): void {
    this.stop();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      then();
    }, time);
  }

  #delay(): number {
    return within(this.#timing.gap) * 2 ** Math.min(this.#delays++, 3);
  }
}
