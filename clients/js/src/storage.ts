import type { CursorStorage } from "./types.js";

/** What this program knows of a cursor that the storage is yet to learn. */
interface Pending {
  /** What is being handled, and is saved when that is done. */
  work?: Promise<unknown>;
  /** What could not be saved. */
  seq?: number | undefined;
}

/** By storage and key. A page may make one client after another. */
const storages = new WeakMap<CursorStorage, Record<string, Pending>>();

function pending(storage: CursorStorage, key: string): Pending {
  const all = storages.get(storage) ?? {};
  storages.set(storage, all);
  return (all[key] ??= {});
}

/** Has everybody who loads this cursor wait for `work`, which saves it. */
export function hold(storage: CursorStorage | undefined, key: string, work: Promise<unknown>): void {
  if (storage) pending(storage, key).work = work;
}

/** The cursor that is kept under a key, or `null` for what is none, once nobody is about to save another. */
export async function load(storage: CursorStorage | undefined, key: string): Promise<number | null | undefined> {
  if (!storage) return undefined;
  await pending(storage, key).work;
  return pending(storage, key).seq ?? cursor(await storage.getItem(key));
}

/** Saves a cursor. Where one further on is kept, by another tab or client, that one stays, unless the log is another one. */
export async function save(storage: CursorStorage | undefined, key: string, seq: number, reset: boolean): Promise<void> {
  if (!storage) return;
  pending(storage, key).seq = seq;
  if (reset || !(cursor(await storage.getItem(key))! >= seq)) await storage.setItem(key, `${seq}`);
  pending(storage, key).seq = undefined;
}

function cursor(kept: string | null | undefined): number | null | undefined {
  if (kept == undefined) return undefined;
  return /^\d+$/.test(kept) && Number.isSafeInteger(+kept) ? +kept : null;
}
