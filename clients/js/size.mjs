// Fails if a bundle is larger than the README promises.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST = { "tidings.js": 6_500, "send.js": 2_000 };
for (const [name, most] of Object.entries(MOST)) {
  const bundle = readFileSync(new URL(`dist/${name}`, import.meta.url));
  const { length } = gzipSync(bundle, { level: 9 });
  console.log(`dist/${name}: ${bundle.length} bytes, ${length} gzipped, of at most ${most}`);
  if (length > most) process.exitCode = 1;
}
