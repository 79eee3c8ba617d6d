// Bundles the client, and what sends by itself, so that listeners do not load it. Names that its own modules alone use are shortened, which makes
// the bundle 3 % smaller; a second minifier takes another 3 % away.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { minify } from "terser";

const INTERNAL = [
  "answered", "ask", "call", "changed", "check", "current", "cursor", "dial", "drop", "failed", "follow", "giveUp", "gone", "group", "handshake", "hasGap",
  "hasAsked", "hasRoom", "heard", "held", "known", "isDue", "joined", "leads", "leave", "left", "line", "loaded", "lost", "marked", "moved", "options",
  "polled", "pump", "putOff", "ready", "refuse", "relay", "renew", "restart", "resumed", "settled", "stands", "stop", "tabs", "take",
  "takeLoose", "tell", "tellOnce", "turn", "wakeUp", "wants", "work",
];
/** What applications are promised: none of it may be in the list. */
const PUBLIC = ["error", "index", "send", "timing", "types"];

for (const file of PUBLIC) {
  const declared = readFileSync(new URL(`dist/${file}.d.ts`, import.meta.url), "utf8");
  const names = new Set(Array.from(declared.matchAll(/^ +(?:readonly )?(\w+)\??[:(]/gm), ([, name]) => name));
  const shortened = INTERNAL.filter((name) => names.has(name));
  if (shortened.length > 0) throw new Error(`src/${file}.ts promises ${shortened}: take it from the list in build.mjs`);
}

const { outputFiles } = await build({
  entryPoints: { tidings: "src/index.ts", send: "src/send.ts" },
  outdir: "dist",
  bundle: true,
  minifyIdentifiers: true,
  format: "esm",
  target: "es2022",
  mangleProps: new RegExp(`^(${INTERNAL.join("|")})$`),
  logLevel: "warning",
  write: false,
});
// No property of ours does anything when it is read, none of our functions is asked for its length, and nothing here changes what JavaScript brings along.
const compress = {
  passes: 3, inline: 1, hoist_funs: true, pure_getters: true, keep_fargs: false,
  unsafe: true, unsafe_arrows: true, unsafe_methods: true,
};
for (const { path, text } of outputFiles) {
  const { code } = await minify(text, { module: true, ecma: 2022, compress });
  // Nothing is assigned that may not be.
  writeFileSync(path, `${code.replace(/\bconst /g, "let ")}\n`);
}
