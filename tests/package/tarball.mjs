// What npm would publish.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, here, node, run } from "./command.mjs";

/** Nothing else belongs into it. The types are those that `index` and `send` lead to. */
const FILES = [
  "LICENSE-APACHE", "LICENSE-MIT", "README.md", "dist/error.d.ts", "dist/index.d.ts", "dist/send.d.ts", "dist/send.js",
  "dist/tidings.js", "dist/timing.d.ts", "dist/types.d.ts", "package.json",
];
/** In bytes. */
const LARGEST = 24_000;
const CLIENT = new URL("clients/js/", ROOT).pathname;

/** Builds the package in a folder; returns its path and size. */
export async function pack(folder) {
  const [{ filename, size, files }] = JSON.parse(await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: CLIENT }));
  assert.deepEqual(files.map(({ path }) => path).sort(), FILES, "the package has other files");
  assert.ok(size <= LARGEST, `the package has ${size} bytes, and ${LARGEST} at most`);
  return { path: join(folder, filename), size };
}

/** Both licences are in the package, to the letter. */
export async function hasLicences(installed) {
  for (const name of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    const [ours, packed] = await Promise.all([readFile(new URL(name, ROOT), "utf8"), readFile(join(installed, name), "utf8")]);
    assert.equal(packed, ours, name);
  }
}

/** Asks others' tools whether each way to import it leads to code and to its types. (It has no CommonJS.) */
export async function judge(tarball) {
  const tool = (path, ...words) => run(node(22), [here(`node_modules/${path}`), tarball, ...words]);
  await Promise.all([
    tool("publint/src/cli.js", "--strict"),
    tool("@arethetypeswrong/cli/dist/index.js", "--profile", "esm-only", "--no-emoji"),
  ]);
}
