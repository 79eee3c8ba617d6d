import type { CursorStorage } from "./types.js";

/** One cursor in a storage, with the value that is not saved yet. */
export class Kept {
  /** The handling of a notification, up to the saving of its cursor. A load waits for it. */
  work: Promise<unknown> | undefined;
  #storage: CursorStorage;
  #key: string;
  /** The cursor that is not saved yet. */
  #unsaved: number | undefined;

  constructor(storage: CursorStorage, key: string) {
    this.#storage = storage;
    this.#key = key;
  }

  /** The stored cursor, or `null` if the stored text is not a cursor. Waits for the handler that is under way. */
  async load(): Promise<number | null | undefined> {
    await this.work;
    return this.#unsaved ?? this.#read();
  }

  /** Saves a cursor. A greater one that another tab or client has stored stays, unless the log was reset. */
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

/** All cursors by storage and key. The clients of a page share them. */
const storages = new WeakMap<CursorStorage, Record<string, Kept>>();

/** The single object for the cursor under a key. */
export function kept(storage: CursorStorage, key: string): Kept {
  if (!storages.has(storage)) storages.set(storage, {});
  return (storages.get(storage)![key] ??= new Kept(storage, key));
}
