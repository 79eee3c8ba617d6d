import type { CursorStorage } from "./types.js";

/** By storage and key: what is being handled, and is saved when that is done. A page may make one client after another. */
const handling = new WeakMap<CursorStorage, Map<string, Promise<unknown>>>();

/** Has everybody who loads this cursor wait for `work`, which saves it. */
export function hold(storage: CursorStorage | undefined, key: string, work: Promise<unknown>): void {
  if (!storage) return;
  const works = handling.get(storage) ?? new Map<string, Promise<unknown>>();
  handling.set(storage, works.set(key, work));
  void work.then(() => works.get(key) == work && works.delete(key));
}

/** The cursor that is kept under a key, or `null` for what is none, once nobody is about to save another. */
export async function load(storage: CursorStorage | undefined, key: string): Promise<number | null | undefined> {
  if (!storage) return undefined;
  await handling.get(storage)?.get(key);
  return cursor(await storage.getItem(key));
}

/** Saves a cursor. Where one further on is kept, by another tab or client, that one stays, unless the log is another one. */
export async function save(storage: CursorStorage | undefined, key: string, seq: number, reset: boolean): Promise<void> {
  if (!storage || (!reset && cursor(await storage.getItem(key))! >= seq)) return;
  await storage.setItem(key, `${seq}`);
}

function cursor(kept: string | null | undefined): number | null | undefined {
  if (kept == undefined) return undefined;
  const seq = /^\d+$/.test(kept) ? Number(kept) : NaN;
  return Number.isSafeInteger(seq) ? seq : null;
}
