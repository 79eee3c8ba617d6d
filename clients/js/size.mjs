// Fails if the bundle has outgrown what the README promises.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const MOST = 6_500;
const bundle = readFileSync(new URL("dist/tidings.js", import.meta.url));
const { length } = gzipSync(bundle, { level: 9 });
console.log(`dist/tidings.js: ${bundle.length} bytes, ${length} gzipped, of at most ${MOST}`);
if (length > MOST) process.exit(1);
