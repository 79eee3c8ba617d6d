// Bundles the client, and what sends by itself, so that listeners do not load it. Names that no application sees are shortened.
import { readFileSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { minify } from "terser";

/** Properties that the client's own modules use among each other. */
const INTERNAL = [
  "answered", "api", "ask", "call", "changed", "check", "current", "cursor", "dial", "drop", "failed", "follow", "giveUp", "gone", "group", "handshake", "hasGap",
  "hasAsked", "hasRoom", "held", "known", "isDue", "joined", "leads", "leave", "left", "line", "load", "loaded", "lost", "marked", "moved", "options",
  "periods", "polled", "pump", "putOff", "ready", "refuse", "relay", "renew", "restart", "resumed", "save", "settled", "stands", "stop", "tabs", "take",
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

/** Begins the names of what was private: no other name begins so. */
const PRIVATE = "private_";

/** Makes private members properties with a name that can be shortened, which each class has from the same few, and constants variables. */
function loosen(node, names) {
  if (node === null || typeof node != "object") return;
  if (node.type == "ClassBody") {
    names = new Map(privateNames(node).map((name, at) => [name, PRIVATE + at]));
    // A property without a value needs no declaration.
    node.body = node.body.filter(({ type, key, value }) => type != "PropertyDefinition" || key.type != "PrivateIdentifier" || value);
  }
  if (node.type == "PrivateIdentifier") Object.assign(node, { type: "Identifier", name: names.get(node.name) });
  else if (node.name?.startsWith?.(PRIVATE)) throw new Error(`${node.name}: no name may begin with ${PRIVATE}`);
  // Nothing is assigned that may not be: the compiler has seen to that.
  if (node.kind == "const") node.kind = "let";
  for (const child of Object.values(node)) loosen(child, names);
}

function privateNames({ body }) {
  return body.filter(({ key }) => key?.type == "PrivateIdentifier").map(({ key }) => key.name);
}

const { outputFiles } = await build({
  entryPoints: { tidings: "src/index.ts", send: "src/send.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "es2022",
  logLevel: "warning",
  write: false,
});
// No property of ours does anything when it is read, none of our functions is asked for its length, and nothing here changes what JavaScript brings along.
const compress = {
  passes: 3, inline: 1, hoist_funs: true, pure_getters: true, keep_fargs: false,
  unsafe: true, unsafe_arrows: true, unsafe_methods: true,
};
const mangleProps = new RegExp(`^(${PRIVATE}\\d+|${INTERNAL.join("|")})$`);
for (const { path, text } of outputFiles) {
  const { ast } = await minify(text, { module: true, compress: false, mangle: false, format: { spidermonkey: true, code: false } });
  loosen(ast);
  const loose = await minify(ast, { parse: { spidermonkey: true }, module: true, compress: false, mangle: false });
  const short = await transform(loose.code, { minifyIdentifiers: true, mangleProps });
  const { code } = await minify(short.code, { module: true, ecma: 2022, compress });
  writeFileSync(path, `${code}\n`);
}
