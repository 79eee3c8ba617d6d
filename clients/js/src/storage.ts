import type { CursorStorage } from "./types.js";

/** One cursor in a storage, and what this program knows of it that the storage is yet to learn. */
export class Kept {
  /** Handles a notification, and saves its cursor. A load waits for it. */
  work: Promise<unknown> | undefined;
  #storage: CursorStorage;
  #key: string;
  /** What could not be saved. */
  #unsaved: number | undefined;

  constructor(storage: CursorStorage, key: string) {
    this.#storage = storage;
    this.#key = key;
  }

  /** The cursor that is kept, or `null` for what is none, once nobody is about to save another. */
  async load(): Promise<number | null | undefined> {
    await this.work;
    return this.#unsaved ?? this.#read();
  }

  /** Saves a cursor. Where one further on is kept, by another tab or client, that one stays, unless the log is another one. */
  async save(seq: number, reset: boolean | undefined): Promise<void> {
    this.#unsaved = seq;
    if (reset || !((await this.#read())! >= seq)) await this.#storage.setItem(this.#key, `${seq}`);
    this.#unsaved = undefined;
  }

  async #read(): Promise<number | null | undefined> {
    const kept = await this.#storage.getItem(this.#key);
    if (kept == undefined) return;
    return /^\d+$/.test(kept) && Number.isSafeInteger(+kept) ? +kept : null;
  }
}

/** By storage and key. A page may make one client after another. */
const storages = new WeakMap<CursorStorage, Record<string, Kept>>();

/** The one object for the cursor under a key. */
export function kept(storage: CursorStorage, key: string): Kept {
  if (!storages.has(storage)) storages.set(storage, {});
  return (storages.get(storage)![key] ??= new Kept(storage, key));
}
