// Bundles the client, and what sends by itself, so that listeners do not load it. Names that its own modules alone use are shortened, which makes the bundle 3 % smaller.
import { readFileSync } from "node:fs";
import { build } from "esbuild";

const INTERNAL = [
  "answered", "ask", "call", "changed", "check", "cursor", "failed", "giveUp", "gone", "handshake", "hasGap",
  "hasAsked", "hasRoom", "heard", "held", "known", "isDue", "joined", "leave", "left", "loaded", "lost", "marked", "options",
  "polled", "pump", "putOff", "ready", "refuse", "renew", "restart", "resumed", "settled", "take",
  "takeLoose", "tell", "tellOnce",
];
/** What applications are promised: none of it may be in the list. */
const PUBLIC = ["error", "index", "send", "timing", "types"];

for (const file of PUBLIC) {
  const declared = readFileSync(new URL(`dist/${file}.d.ts`, import.meta.url), "utf8");
  const names = new Set(Array.from(declared.matchAll(/^ +(?:readonly )?(\w+)\??[:(]/gm), ([, name]) => name));
  const shortened = INTERNAL.filter((name) => names.has(name));
  if (shortened.length > 0) throw new Error(`src/${file}.ts promises ${shortened}: take it from the list in build.mjs`);
}

await build({
  entryPoints: { tidings: "src/index.ts", send: "src/send.ts" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  mangleProps: new RegExp(`^(${INTERNAL.join("|")})$`),
  logLevel: "warning",
});
