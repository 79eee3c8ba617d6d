import type { Channel } from "./channel.js";
import type { Item, Page } from "./ordering.js";
import { within, type Timing } from "./timing.js";

/** A connection on which so many questions in a row stay unanswered is given up. */
const UNANSWERED = 4;

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
  settled = false;
  /** The server may be pushing the channel. */
  joined = false;
  /** The log holds something that has not come. */
  #behind = true;
  /** The cursor that was asked with. */
  #after: number | undefined;
  /** What was pushed since. Only the answer says whether the log is still the one of the cursor. */
  #items: Item[] = [];
  /** Until an answer is due, or a question. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How often a question was put off since one last helped. */
  #delays = 0;
  /** How many questions in a row brought nothing at all. */
  #unanswered = 0;
  /** The gateway said that some action failed, perhaps this one. */
  #failed = false;
  #timing: Timing;
  #connection: Connection;

  constructor(channel: Channel, timing: Timing, connection: Connection) {
    this.channel = channel;
    this.#timing = timing;
    this.#connection = connection;
  }

  /** Whether there is something to do for it now. */
  isDue(): boolean {
    if (this.#timer) return false;
    return this.channel.gone ? this.joined : this.#behind && this.channel.hasRoom();
  }

  /** The frame to send now. */
  ask(ref: number): object {
    const { name: channel, cursor: after, gone } = this.channel;
    this.ref = ref;
    this.#after = after;
    this.#items = [];
    this.#wait(within(this.#timing.answer) * 2 ** Math.min(this.#unanswered, 2), () => this.#missed());
    if (gone) return { action: "unsubscribe", channel, ref };
    this.joined = true;
    return { action: "subscribe", channel, after, ref };
  }

  /** Takes in what was pushed or replayed. */
  take(items: Item[]): void {
    for (const item of items) if (!item.seq) this.channel.takeLoose(item);
    const stored = items.filter((item) => item.seq);
    if (this.ref) this.#items.push(...stored);
    // What was pushed before a question is in its answer.
    if (this.#behind) return;
    this.channel.take(stored);
    if (!this.channel.hasGap) this.#delays = 0;
    else if (!this.#timer) this.#later();
  }

  /** Takes in what a `subscribe` was answered with. */
  answered(page: Page): void {
    this.#over();
    this.#behind = this.channel.answer(this.#after, { ...page, items: this.#items });
    const helped = this.channel.cursor !== this.#after;
    if (helped) this.#delays = 0;
    if (this.#behind ? !helped : this.channel.hasGap) this.#later();
  }

  /** Takes in that the channel was left. */
  left(): void {
    this.#over();
    this.joined = false;
  }

  /** The server cannot answer now. */
  putOff(): void {
    this.#over();
    this.#later();
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

  #over(): void {
    this.stop();
    this.#timer = undefined;
    this.#failed = false;
    this.#unanswered = this.ref = 0;
    this.settled = true;
  }

  #missed(): void {
    this.ref = 0;
    if (!this.#failed && ++this.#unanswered == UNANSWERED) return this.#connection.giveUp();
    this.#failed = false;
    this.#connection.pump();
  }

  #later(): void {
    this.#wait(this.#delay(), () => {
      this.#behind ||= this.channel.hasGap;
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
