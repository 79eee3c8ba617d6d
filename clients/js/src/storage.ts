import type { CursorStorage } from "./types.js";

/** The cursor that is kept for a channel. */
export async function load(storage: CursorStorage | undefined, channel: string): Promise<number | undefined> {
  const kept = await storage?.getItem(`tidings:${channel}`);
  return /^\d+$/.test(kept ?? "") ? Number(kept) : undefined;
}

export async function save(storage: CursorStorage | undefined, channel: string, seq: number): Promise<void> {
  await storage?.setItem(`tidings:${channel}`, `${seq}`);
}
