// Programs that are run to their end.

import { execFile } from "node:child_process";
import { promisify } from "node:util";

export const ROOT = new URL("../../", import.meta.url);
/** Beside this file. */
export const here = (path) => new URL(path, import.meta.url).pathname;
/** A Node of a version, whichever runs this. */
export const node = (version) => here(`node_modules/node-${version}/bin/node`);

/** Returns what it prints. What it has to say when it fails is in the error. */
export async function run(program, words, options = {}) {
  return (await finished(program, words, options)).stdout;
}

/** Likewise, of a program whose warnings are failures. */
export async function runWithoutWarnings(program, words, options = {}) {
  const { stderr } = await finished(program, words, options);
  if (stderr) throw new Error(`${program} ${words.join(" ")}\n${stderr}`);
}

async function finished(program, words, options) {
  try {
    return await promisify(execFile)(program, words, { maxBuffer: 1 << 26, ...options });
  } catch (error) {
    throw new Error(`${program} ${words.join(" ")}\n${error.stdout}${error.stderr}`);
  }
}
