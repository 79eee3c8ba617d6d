import type { Gap } from "./types.js";

/** A notification as it comes, without its channel. */
export interface Item {
  seq: number;
  [field: string]: unknown;
}

/** What a poll, or a `subscribe`, is answered with for one channel. */
export interface Page {
  items: Item[];
  /** The cursor to ask with next. */
  seq: number;
  /** `false`: something between the asked seq and this one may have expired unseen. */
  recovered?: boolean;
  /** Asking again at once gives more. */
  more?: boolean;
  /** The asked seq lies beyond the log. */
  reset?: boolean;
  unread?: number;
}

/** What the application is told next. */
export interface Step {
  item?: Item;
  gap?: Gap;
  /** Where the application stands after it. */
  seq?: number;
  /** The channel has caught up with its log. */
  loaded?: boolean;
}

/**
 * The order of one channel, whatever brings it: sockets, old and new, and polls, all at the same time.
 *
 * Pushes come late, doubled, in any order or not at all. What can be trusted is an answer: it covers all from the seq
 * that was asked with to the one that it names.
 */
export class Ordering {
  /** The newest seq that was handed on, or told to be gone. */
  cursor: number | undefined;
  /** What came before its turn. All of it lies behind the cursor. */
  #held = new Map<number, Item>();
  /** Behind which cursor a loss was told that did not move it. Answers repeat it for as long as nothing follows. */
  #told: number | undefined;

  /** Goes on behind `cursor` or, if there is none, with what the first answer brings. */
  constructor(cursor?: number) {
    this.cursor = cursor;
  }

  /** How many wait for what is missing before them. */
  get held(): number {
    return this.#held.size;
  }

  /** Takes in what was pushed. */
  take(items: Item[]): Step[] {
    this.#hold(items);
    return this.#follow([]);
  }

  /** Takes in the answer to a question that was asked with `after`, and what was pushed while it was under way. */
  answer(after: number | undefined, page: Page): Step[] {
    const { cursor } = this;
    const { seq, items } = page;
    if (cursor == undefined) {
      // A push may be older than the newest notifications that were asked for, so only what follows the oldest without a
      // hole is handed on; the rest is asked for, now that there is a seq to ask with. An oldest that is newer than the
      // answer is a push that overtook others.
      this.#hold(items);
      this.cursor = before(items, seq);
      return this.#follow([{ seq: this.cursor }]);
    }
    // Asked before anything was known: it does not say what lies between the cursor and its items.
    if (after == undefined) return this.take(items);
    // Of a log that is no longer the one: another answer has told of the reset.
    if (page.reset ? cursor != after : cursor < after) return [];
    const steps: Step[] = [];
    if (page.reset) {
      steps.push({ gap: { after, seq, reset: true } });
      this.#held.clear();
      this.#told = undefined;
      this.cursor = before(items, seq);
    }
    this.#hold(items);
    // Others may have brought in the meantime, without a hole, what this answer misses.
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

  /** Hands on what an answer covers. One that is lossy does not say where: each hole may be what expired. */
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

/** Where an application stands that gets these items next. */
function before(items: Item[], seq: number): number {
  return Math.min(seq, ...items.map((item) => item.seq - 1));
}
