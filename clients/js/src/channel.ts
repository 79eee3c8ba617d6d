import { TidingsError } from "./error.js";
import type { Http } from "./http.js";
import { Ordering, type Item, type Page, type Step } from "./ordering.js";
import { kept, type Kept } from "./storage.js";
import { PATIENCE, backoff, pause, type Timing } from "./timing.js";
import type { Notification, Options, SubscribeOptions, Subscription } from "./types.js";

/** While more notifications than this wait for the application, the channel asks for no more. */
const PAGE = 100;
/** While so many wait, the channel drops pushed notifications and asks for them later. Of unstored ones the oldest is lost. */
const MOST = 1_000;
/** The tries of a call. */
const TRIES = 5;

/** The client that feeds the channel. */
interface Owner {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  /** The stack and user whose cursors the storage keeps. */
  scope(): Promise<string>;
  /** The channel has something else to ask for than before. */
  changed(): void;
  leave(channel: Channel): void;
  /** Another call found that the network has failed. */
  check(): void;
  tell(error: TidingsError): void;
}

/** One channel. It takes notifications from the transports, and hands them to the application one at a time. */
export class Channel implements Subscription {
  seq = 0;
  unread: number | undefined;
  readonly name: string;
  /** The application has left the channel. */
  gone: boolean | undefined;
  /** The channel has caught up with its log, and was not interrupted since. */
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
  /** The log was replaced by another one, and the storage still has the old one's cursor. */
  #reset: boolean | undefined;
  /** The newest seq that `unread` counts. */
  #counted = 0;
  /** The newest seqs that came after the server's last count and are not marked as read. */
  #since: number[] = [];
  /** The number of next notifications that the server has already counted. */
  #ahead = 0;
  /** Stored notifications were dropped, for lack of room. */
  #dropped: boolean | undefined;
  /** Unstored notifications were dropped, for lack of room, and the application has the error. */
  #losing: boolean | undefined;
  /** A transport wanted to ask, and the channel had no room. */
  #starved: boolean | undefined;

  constructor(client: Owner, name: string, options: SubscribeOptions) {
    this.#client = client;
    this.name = name;
    this.#options = options;
    void this.#load();
  }

  /** Loads the cursor. A cursor that cannot be read is not taken for none: the channel asks nothing before it is known. */
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

  /** The seq to ask with: everything up to it has come, or is gone. */
  get cursor(): number | undefined {
    return this.#order.cursor;
  }

  /** Whether a notification before a pushed one is missing. */
  get hasGap(): boolean | undefined {
    return this.#order.held > 0 || this.#dropped;
  }

  /** Whether the application can take another page. If not, the channel calls `changed` as soon as it can. */
  hasRoom(): boolean {
    return !(this.#starved = this.#queue.length > PAGE);
  }

  /** Takes in pushed notifications. */
  take(items: Item[]): void {
    if (this.#queue.length + this.#order.held > MOST) this.#dropped = true;
    else this.#hand(this.#order.take(items));
  }

  /** Takes in a notification that is in no log. */
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

  /** Takes in the answer to a question asked with `after`. Returns whether there is more to ask for. */
  answer(after: number | undefined, page: Page): boolean {
    this.#dropped = false;
    if (page.unread != undefined) {
      this.#seen(page.seq);
      // The server's count includes the pages that follow.
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

  /** Takes in up to which seq an inbox was read. */
  marked({ seq, unread }: { seq: number; unread: number }): void {
    this.#seen(seq);
    this.#ahead = Math.max(0, unread - Math.max(0, this.#counted - seq));
    // Notifications that came while this was on its way are unread too.
    this.#count(Math.max(unread, this.#since.length));
  }

  /** Forgets the seqs up to this one: the server has counted them, or they are read. */
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

  /** Calls the application's own code. An error that it throws goes to `onError`, and changes nothing else. */
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
