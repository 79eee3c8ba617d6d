import type { Gap } from "./types.js";

/** A notification as the server sends it, without its channel. */
export interface Item {
  seq: number;
  [field: string]: unknown;
}

/** The answer to a poll or a `subscribe` for one channel. */
export interface Page {
  items: Item[];
  /** The cursor to ask with next. */
  seq: number;
  /** `false`: notifications between the asked seq and this one may have expired unseen. */
  recovered?: boolean;
  /** There is more: the next question brings it at once. */
  more?: boolean;
  /** The asked seq lies beyond the log. */
  reset?: boolean;
  unread?: number;
}

/** The next item, gap or event for the application. */
export interface Step {
  item?: Item;
  gap?: Gap;
  /** The application's cursor after this step. */
  seq?: number;
  /** The channel has caught up with its log. */
  loaded?: boolean;
}

/**
 * The order of one channel. Old and new sockets and polls feed it, all at the same time.
 *
 * Pushes are late, doubled, out of order or lost. Answers can be trusted: each covers everything from the seq of the
 * question to the seq that it names.
 */
export class Ordering {
  /** The newest seq that was handed on or reported as lost. */
  cursor: number | undefined;
  /** Items that came before their turn. All have a seq behind the cursor. */
  #held = new Map<number, Item>();
  /** The cursor behind which a loss was reported that did not move it. Answers repeat the loss until something follows. */
  #told: number | undefined;

  /** Begins behind `cursor` or, if there is none, with the items of the first answer. */
  constructor(cursor?: number) {
    this.cursor = cursor;
  }

  /** The number of items that wait for a missing one before them. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes in pushed items. */
  take(items: Item[]): Step[] {
    this.#hold(items);
    return this.#follow([]);
  }

  /** Takes in the answer to a question asked with `after`. Its items include those that were pushed while it was under way. */
  answer(after: number | undefined, page: Page): Step[] {
    const { cursor } = this;
    const { seq, items } = page;
    if (cursor == undefined) {
      // A push may be older than the newest notifications, which the question asked for. So only the items that follow
      // the oldest without a hole are handed on. The rest is asked for, now that there is a seq to ask with. An oldest
      // item that is newer than the answer is a push that overtook others.
      this.#hold(items);
      this.cursor = before(items, seq);
      return this.#follow([{ seq: this.cursor }]);
    }
    // A question without a cursor: its answer does not say what lies between the cursor and its items.
    if (after == undefined) return this.take(items);
    // An answer of the old log: another answer has already brought the reset.
    if (page.reset ? cursor != after : cursor < after) return [];
    const steps: Step[] = [];
    if (page.reset) {
      steps.push({ gap: { after, seq, reset: true } });
      this.#held.clear();
      this.#told = undefined;
      this.cursor = before(items, seq);
    }
    this.#hold(items);
    // Other transports may meanwhile have brought, without a hole, the items that this answer misses.
    const lossy = page.recovered == false && !page.reset && !(cursor > after && seq <= cursor);
    this.#cover(seq, lossy, steps);
    this.#follow(steps);
    if ((steps.at(-1)?.seq ?? cursor) != this.cursor) steps.push({ seq: this.cursor! });
    return steps;
  }

  #hold(items: Item[]): void {
    for (const item of items) {
      if (!(this.cursor! >= item.seq)) this.#held.set(item.seq, item);
    }
  }

  /** Hands on the items that an answer covers. A lossy answer does not say where it lost some: each hole may be the loss. */
  #cover(seq: number, lossy: boolean, steps: Step[]): void {
    let cursor = this.cursor!;
    let untold = lossy;
    for (const at of [...this.#held.keys()].sort((a, b) => a - b)) {
      if (at > seq) break;
      if (lossy && at > cursor + 1) {
        steps.push({ gap: { after: cursor, seq: at - 1, reset: false } });
        untold = false;
      }
      this.#hand(at, steps);
      cursor = at;
    }
    const end = Math.max(cursor, seq);
    if (untold || (lossy && cursor < end)) {
      if (cursor < end || this.#told != cursor) steps.push({ gap: { after: cursor, seq: end, reset: false } });
      this.#told = end;
    }
    this.cursor = end;
  }

  #follow(steps: Step[]): Step[] {
    while (this.#held.has(this.cursor! + 1)) this.#hand(++this.cursor!, steps);
    return steps;
  }

  #hand(seq: number, steps: Step[]): void {
    steps.push({ item: this.#held.get(seq)!, seq });
    this.#held.delete(seq);
  }
}

/** The cursor of an application that gets these items next. */
function before(items: Item[], seq: number): number {
  return Math.min(seq, ...items.map((item) => item.seq - 1));
}
