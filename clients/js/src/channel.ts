import { TidingsError } from "./error.js";
import type { Http } from "./http.js";
import { Ordering, type Item, type Page, type Step } from "./ordering.js";
import { kept, type Kept } from "./storage.js";
import { PATIENCE, backoff, pause, type Timing } from "./timing.js";
import type { Notification, Options, SubscribeOptions, Subscription } from "./types.js";

/** No more is asked for while more than a page waits for the application. */
const PAGE = 100;
/** What is pushed while so many wait is dropped, and asked for later. Of what is in no log, the oldest is lost. */
const MOST = 1_000;
/** So often is a call tried. */
const TRIES = 5;

/** The client that feeds the channel. */
interface Owner {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  /** Whose cursors the storage keeps. */
  scope(): Promise<string>;
  /** There is something else to ask for than before. */
  changed(): void;
  leave(channel: Channel): void;
  /** Something else says that the network has failed. */
  check(): void;
  tell(error: TidingsError): void;
}

/** One channel: takes in what the transports bring, and hands it to the application, one after the other. */
export class Channel implements Subscription {
  seq = 0;
  unread: number | undefined;
  readonly name: string;
  /** Nobody listens any more. */
  gone: boolean | undefined;
  /** It has caught up with its log, and nothing was interrupted since. */
  loaded: boolean | undefined;
  /** The cursor was loaded, and questions may be asked. */
  ready: boolean | undefined;
  #client: Owner;
  #options: SubscribeOptions;
  /** Made when the cursor is loaded. */
  #order!: Ordering;
  #queue: Step[] = [];
  /** The cursor in the storage, if there is one. */
  #kept: Kept | undefined;
  /** The log has become another one, which the storage is yet to know. */
  #reset: boolean | undefined;
  /** The newest seq that `unread` counts. */
  #counted = 0;
  /** What has come since the server counted and is not marked as read: the newest of it. */
  #since: number[] = [];
  /** So many of those that come next have been counted by the server. */
  #ahead = 0;
  /** Something was dropped, for lack of room. */
  #dropped: boolean | undefined;
  /** What is in no log was dropped, for lack of room, and the application was told. */
  #losing: boolean | undefined;
  /** Somebody wanted to ask, and there was no room. */
  #starved: boolean | undefined;

  constructor(client: Owner, name: string, options: SubscribeOptions) {
    this.#client = client;
    this.name = name;
    this.#options = options;
    void this.#load();
  }

  /** Nothing is asked before the cursor is known: one that cannot be read is not the same as none. */
  async #load(): Promise<void> {
    let cursor;
    for (let failures = 0; ; ) {
      try {
        const { storage } = this.#client.options;
        if (storage) this.#kept = kept(storage, `tidings:${await this.#client.scope()}:${this.name}`);
        cursor = await this.#kept?.load();
        break;
      } catch (cause) {
        if (!failures++) this.#fail("storage_failed", cause);
        this.#client.changed();
        await pause(backoff(this.#client.periods.retry, failures));
        if (this.gone) return;
      }
    }
    if (cursor === null) this.#fail("invalid_cursor", "the stored cursor is no number");
    const seq = cursor ?? this.#options.after;
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
  get hasGap(): boolean | undefined {
    return this.#order.held > 0 || this.#dropped;
  }

  /** Whether the application can take another page. If not, the client is told when it can. */
  hasRoom(): boolean {
    return !(this.#starved = this.#queue.length > PAGE);
  }

  /** Takes in what was pushed. */
  take(items: Item[]): void {
    if (this.#queue.length + this.#order.held > MOST) this.#dropped = true;
    else this.#hand(this.#order.take(items));
  }

  /** Takes in what is in no log. */
  takeLoose(item: Item): void {
    if (this.#queue.length > MOST) {
      // The first is with the application.
      const oldest = this.#queue.findIndex(({ item }, at) => at && item && !item.seq);
      if (oldest > 0) this.#queue.splice(oldest, 1);
      if (!this.#losing) this.#fail("dropped", "the handler is too slow");
      this.#losing = true;
      if (oldest < 0) return;
    }
    this.#hand([{ item }]);
  }

  /** Takes in the answer to a question asked with `after`. Says whether there is more to ask for. */
  answer(after: number | undefined, page: Page): boolean {
    this.#dropped = false;
    if (page.unread != undefined) {
      this.#seen(page.seq);
      // Where there is more, the server has counted that as well.
      this.#counted = page.more ? Infinity : page.seq;
      this.#ahead = 0;
      this.#count(page.unread + this.#since.length);
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
    this.#seen(seq);
    this.#ahead = Math.max(0, unread - Math.max(0, this.#counted - seq));
    // What came while this was on its way is unread too.
    this.#count(Math.max(unread, this.#since.length));
  }

  /** What has come up to this seq is counted, or read. */
  #seen(seq: number): void {
    this.#since = this.#since.filter((since) => since > seq);
  }

  #count(unread: number): void {
    if (unread == this.unread) return;
    this.unread = unread;
    void this.#try("handler_failed", () => this.#options.onUnread?.(unread));
  }

  #hand(steps: Step[]): void {
    const idle = !this.#queue.length;
    for (const step of steps) {
      this.#queue.push(step);
      if (this.unread != undefined && step.item && step.seq! > this.#counted) {
        this.#counted = step.seq!;
        this.#since = [...this.#since, step.seq!].slice(-MOST);
        if (this.#ahead) this.#ahead--;
        else this.#count(this.unread + 1);
      }
    }
    if (!idle || this.gone) return;
    const work = this.#run();
    if (this.#kept) this.#kept.work = work;
  }

  async #run(): Promise<void> {
    for (let step; (step = this.#queue[0]) && !this.gone; ) {
      const { seq = this.seq } = step;
      const hasMoved = seq != this.seq;
      this.seq = seq;
      await this.#try("handler_failed", () => this.#tell(step));
      this.#reset ||= step.gap?.reset;
      if (hasMoved) {
        await this.#try("storage_failed", async () => {
          await this.#kept?.save(seq, this.#reset);
          this.#reset = false;
        });
      }
      this.#queue.shift();
      if (!this.#queue.length) this.#losing = false;
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
  async #try(code: string, call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (cause) {
      this.#fail(code, cause);
    }
  }

  #fail(code: string, cause: unknown): void {
    this.#client.tell(cause instanceof TidingsError ? cause : new TidingsError(code, cause, { channel: this.name, cause }));
  }

  async read(seq = this.seq): Promise<void> {
    const path = `/v1/channels/${encodeURIComponent(this.name)}/read`;
    for (let tries = 1; ; tries++) {
      try {
        return this.marked(await this.#client.api.call(path, { method: "POST", body: JSON.stringify({ seq }) }));
      } catch (error) {
        const { status, retryAfter = 0 } = error as TidingsError;
        if (!status) this.#client.check();
        if (tries == TRIES || (status! < 500 && status != 429) || retryAfter > PATIENCE) throw error;
        await pause(retryAfter + backoff(this.#client.periods.retry, tries));
      }
    }
  }

  unsubscribe(): void {
    this.#client.leave(this);
  }
}
