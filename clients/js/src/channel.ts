import { TidingsError } from "./error.js";
import type { Client } from "./client.js";
import { Ordering, type Item, type Page, type Step } from "./ordering.js";
import { load, save } from "./storage.js";
import { backoff, pause } from "./timing.js";
import type { Notification, SubscribeOptions, Subscription } from "./types.js";

/** No more is asked for while more than a page waits for the application. */
const PAGE = 100;
/** What is pushed while so many wait is dropped, and asked for later. */
const MOST = 1_000;
/** So often is a call tried. */
const TRIES = 5;

/** One channel: takes in what the transports bring, and hands it to the application, one after the other. */
export class Channel implements Subscription {
  seq = 0;
  unread: number | undefined;
  readonly name: string;
  /** Nobody listens any more. */
  gone = false;
  /** It has caught up with its log, and nothing was interrupted since. */
  loaded = false;
  /** The cursor was loaded, and questions may be asked. */
  ready = false;
  #client: Client;
  #options: SubscribeOptions;
  #order = new Ordering();
  #queue: Step[] = [];
  /** The newest seq that `unread` counts. */
  #counted = 0;
  /** Something was dropped, for lack of room. */
  #dropped = false;
  /** Somebody wanted to ask, and there was no room. */
  #starved = false;

  constructor(client: Client, name: string, options: SubscribeOptions) {
    this.#client = client;
    this.name = name;
    this.#options = options;
    void this.#load();
  }

  async #load(): Promise<void> {
    const kept = await this.#try("storage_failed", () => load(this.#client.options.storage, this.name));
    const seq = kept ?? this.#options.after;
    this.#order = new Ordering(seq);
    this.seq = seq ?? 0;
    this.ready = true;
    this.#client.changed();
  }

  /** The newest seq that needs not be asked for. */
  get cursor(): number | undefined {
    return this.#order.cursor;
  }

  /** Whether something was pushed that lies behind something missing. */
  get hasGap(): boolean {
    return this.#order.held > 0 || this.#dropped;
  }

  /** Whether the application can take another page. If not, the client is told when it can. */
  hasRoom(): boolean {
    this.#starved = this.#queue.length > PAGE;
    return !this.#starved;
  }

  /** Takes in what was pushed. */
  take(items: Item[]): void {
    if (this.#queue.length + this.#order.held > MOST) this.#dropped = true;
    else this.#hand(this.#order.take(items));
  }

  /** Takes in what is in no log. */
  takeLoose(item: Item): void {
    this.#hand([{ item }]);
  }

  /** Takes in the answer to a question asked with `after`. Says whether there is more to ask for. */
  answer(after: number | undefined, page: Page): boolean {
    this.#dropped = false;
    if (page.unread !== undefined) {
      this.#counted = page.seq;
      this.#count(page.unread);
    }
    this.#hand(this.#order.answer(after, page));
    const behind = page.more || this.cursor! < page.seq;
    if (!behind && !this.loaded) {
      this.loaded = true;
      this.#hand([{ loaded: true }]);
    }
    return behind;
  }

  /** Takes in how far an inbox was read. */
  marked({ seq, unread }: { seq: number; unread: number }): void {
    // A log is dense: so many unread ones end there at the earliest. And what came while this was on its way is unread too.
    unread = Math.max(unread, this.#counted - seq);
    this.#counted = Math.max(this.#counted, seq + unread);
    this.#count(unread);
  }

  #count(unread: number): void {
    if (unread === this.unread) return;
    this.unread = unread;
    void this.#try("handler_failed", () => this.#options.onUnread?.(unread));
  }

  #hand(steps: Step[]): void {
    const idle = !this.#queue.length;
    for (const step of steps) {
      this.#queue.push(step);
      if (this.unread !== undefined && step.item && step.seq! > this.#counted) {
        this.#counted = step.seq!;
        this.#count(this.unread + 1);
      }
    }
    if (idle) void this.#run();
  }

  async #run(): Promise<void> {
    for (let step; (step = this.#queue[0]) && !this.gone; ) {
      const { seq = this.seq } = step;
      const hasMoved = seq != this.seq;
      this.seq = seq;
      await this.#try("handler_failed", () => this.#tell(step));
      if (hasMoved) await this.#try("storage_failed", () => save(this.#client.options.storage, this.name, seq));
      this.#queue.shift();
      if (this.#starved && this.hasRoom()) this.#client.changed();
    }
  }

  #tell({ item, gap, loaded }: Step): unknown {
    const { onNotification, onGap, onLoaded } = this.#options;
    if (item) return onNotification({ ...item, channel: this.name } as unknown as Notification);
    if (gap) return onGap?.(gap);
    return loaded && onLoaded?.();
  }

  /** What the application's own code throws is told, and changes nothing. */
  async #try<T>(code: string, call: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await call();
    } catch (cause) {
      this.#client.tell(new TidingsError(code, cause, { channel: this.name, cause }));
      return undefined;
    }
  }

  async read(seq = this.seq): Promise<void> {
    const path = `/v1/channels/${encodeURIComponent(this.name)}/read`;
    for (let tries = 1; ; tries++) {
      try {
        return this.marked(await this.#client.http.call(path, { method: "POST", body: JSON.stringify({ seq }) }));
      } catch (error) {
        const { status = 500, retryAfter = 0 } = error as TidingsError;
        if (tries == TRIES || (status < 500 && status != 429)) throw error;
        await pause(retryAfter + backoff(this.#client.timing.retry, tries));
      }
    }
  }

  unsubscribe(): void {
    this.#client.leave(this);
  }
}
