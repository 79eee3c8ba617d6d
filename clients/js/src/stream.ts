import type { Channel } from "./channel.js";
import type { Item, Page } from "./ordering.js";
import { LONGEST, within, type Timing } from "./timing.js";

/** The client gives up a connection on which so many questions in a row stay unanswered. */
const UNANSWERED = 4;
/** The most items that a stream keeps for late answers. Beyond it these answers count for nothing, and the stream asks again. */
const MOST = 2_000;

/** The socket of a stream. */
interface Connection {
  /** Asks the questions that are due. */
  pump(): void;
  giveUp(): void;
}

/** One channel on a connection, and the one action that may be under way for it. */
export class Stream {
  readonly channel: Channel;
  /** The `ref` of the action under way, or 0. */
  ref = 0;
  /** The server has answered, with success or an error. */
  settled: boolean | undefined;
  /** The server may be pushing the channel. */
  joined: boolean | undefined;
  /** The log has notifications that have not come. */
  #behind = true;
  /** The cursors of the unanswered questions by `ref`. The server may still answer each. */
  #asked = new Map<number, number | undefined>();
  /** The items that were pushed since the first of them. Only an answer says whether the cursor is still of this log. */
  #items: Item[] = [];
  /** Ends when an answer or the next question is due. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The questions that were put off since an answer last moved the cursor. */
  #delays = 0;
  /** The questions in a row without an answer. */
  #unanswered = 0;
  /** The gateway reported that an action failed, perhaps this one. */
  #failed: boolean | undefined;
  #timing: Timing;
  #connection: Connection;

  constructor(channel: Channel, timing: Timing, connection: Connection) {
    this.channel = channel;
    this.#timing = timing;
    this.#connection = connection;
  }

  /** Whether the next action may be sent now. */
  isDue(): boolean | undefined {
    if (this.#timer) return false;
    return this.channel.gone ? this.joined : this.#behind && this.channel.hasRoom();
  }

  /** The frame of the next action. */
  ask(ref: number): object {
    const { name: channel, cursor: after, gone } = this.channel;
    this.ref = ref;
    this.#await();
    if (gone) return { action: "unsubscribe", channel, ref };
    this.#asked.set(ref, after);
    this.joined = true;
    return { action: "subscribe", channel, after, ref };
  }

  /** Takes in items that were pushed, or replayed for the question with this `ref`. */
  take(items: Item[], ref: number): void {
    const { channel } = this;
    const isReplay = this.#asked.has(ref);
    // A replay for another tab may lie far before the first item of this one.
    if (channel.gone || (ref && !isReplay)) return;
    for (const item of items) if (!item.seq) channel.takeLoose(item);
    const stored = items.filter((item) => item.seq);
    if (this.#asked.size) this.#items.push(...stored);
    if (this.#items.length > MOST) this.#forget(Infinity);
    // Without a cursor, only the answer says which item is the application's first. Items pushed meanwhile may be of
    // another log. Replayed items are ordered by the cursor, and do not wait for the rest.
    if (isReplay ? channel.cursor != undefined : !this.#behind) channel.take(stored);
    if (this.#behind) return;
    if (!channel.hasGap) this.#delays = 0;
    else if (!this.#timer) this.#later();
  }

  /** Waits anew: an answer is under way on this connection, and may take as long as the link needs. */
  renew(): void {
    if (this.ref && !this.#failed) this.#await();
  }

  /** Whether this stream asked the question. */
  hasAsked(ref: number): boolean {
    return this.#asked.has(ref) || (ref == this.ref && ref > 0);
  }

  /** Takes in the answer to a `subscribe`. The answer to an older question is as true as the last one's. */
  answered(ref: number, page: Page): void {
    if (!this.#asked.has(ref)) return this.putOff(ref);
    const after = this.#asked.get(ref);
    const items = this.#items;
    this.#over();
    this.#forget(ref);
    // The application has left the channel meanwhile. The next action says so.
    if (this.channel.gone) return;
    this.#behind = this.channel.answer(after, { ...page, items });
    const helped = this.channel.cursor != after;
    if (helped) this.#delays = 0;
    if (this.#behind ? !helped : this.channel.hasGap) this.#later();
  }

  /** The server has left the channel. */
  left(): void {
    this.#over();
    this.joined = false;
  }

  /** Asks later: the server cannot answer now, perhaps for so many seconds. */
  putOff(ref: number, seconds = 0): void {
    this.#forget(ref);
    this.#over();
    this.#later(Math.min(seconds * 1e3, LONGEST));
  }

  /** Asks again soon: an action failed, perhaps this one, and a failed action has no answer. */
  failed(): void {
    if (!this.ref || this.#failed) return;
    this.#failed = true;
    this.#wait(this.#delay(), () => this.#missed());
  }

  /** The connection is over. */
  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Forgets the questions up to this one: they are answered. */
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
