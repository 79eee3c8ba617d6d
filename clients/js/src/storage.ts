import type { CursorStorage } from "./types.js";

function key(channel: string): string {
  return `tidings:${channel}`;
}

/** The cursor that is kept for a channel. */
export async function load(storage: CursorStorage | undefined, channel: string): Promise<number | undefined> {
  const kept = await storage?.getItem(key(channel));
  return /^\d+$/.test(kept ?? "") ? Number(kept) : undefined;
}

export async function save(storage: CursorStorage | undefined, channel: string, seq: number): Promise<void> {
  await storage?.setItem(key(channel), `${seq}`);
}
