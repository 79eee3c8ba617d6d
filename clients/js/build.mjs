// Bundles the client, and what sends by itself, so that listeners do not load it. Names that no application sees are shortened.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { minify } from "terser";

/** Properties that the client's own modules use among each other. */
const INTERNAL = [
  "answered", "api", "ask", "call", "changed", "check", "current", "cursor", "dial", "drop", "failed", "follow", "giveUp", "gone", "group", "handshake",
  "hasAsked", "hasGap", "hasRoom", "held", "known", "isDue", "joined", "leads", "leave", "left", "line", "load", "loaded", "lost", "marked", "moved", "notPolled",
  "options", "periods", "polled", "pump", "putOff", "ready", "refuse", "relay", "renew", "restart", "resumed", "save", "settled", "stands", "stop", "tabs",
  "take", "takeLoose", "tell", "tellOnce", "turn", "wakeUp", "wants", "work",
];
/** What applications are promised: none of it may be in the list. */
const PUBLIC = ["error", "index", "send", "timing", "types"];
const LETTERS = "tsiehnroacludfpmgwybvkqTxSDEMPILOCRWBAGUJNFHVXYZKQz_$j";

/** The names that each class and each interface of a module declares. */
function declarations(file) {
  const text = readFileSync(new URL(`dist/${file}.d.ts`, import.meta.url), "utf8");
  const types = text.matchAll(/^(?:export )?(?:declare )?(?:class|interface) (\w+).*\{\n([^}]*(?:\n .*)*)/gm);
  return Array.from(types, ([, type, members]) => [type, Array.from(members.matchAll(/^ +(?:readonly |get )?(\w+)\??[:(]/gm), ([, name]) => name)]);
}

for (const file of PUBLIC) {
  const shortened = declarations(file).flatMap(([, names]) => names).filter((name) => INTERNAL.includes(name));
  if (shortened.length > 0) throw new Error(`src/${file}.ts promises ${shortened}: take it from the list in build.mjs`);
}
const types = readdirSync(new URL("src", import.meta.url)).flatMap((file) => declarations(file.replace(/\.ts$/, "")));

/** Calls `visit` with each node of a syntax tree, and the class that it is in. */
function walk(node, visit, type) {
  if (node === null || typeof node != "object") return;
  if (node.type == "VariableDeclarator" && node.init?.type == "ClassExpression") type = node.id.name;
  if (node.type == "ClassDeclaration") type = node.id.name;
  visit(node, type);
  for (const child of Object.values(node)) walk(child, visit, type);
}

/** What stands for a private member of a class until it has a short name. */
const opened = (name) => `private_${name}`;

/** Makes private members properties, and constants variables. */
function loosen(tree) {
  walk(tree, (node, type) => {
    // A property without a value needs no declaration.
    if (node.type == "ClassBody") node.body = node.body.filter(({ type, key, value }) => type != "PropertyDefinition" || key.type != "PrivateIdentifier" || value);
    if (node.type == "PrivateIdentifier") Object.assign(node, { type: "Identifier", name: opened(node.name) });
    // Nothing is assigned that may not be: the compiler has seen to that.
    if (node.kind == "const") node.kind = "let";
  });
}

/** Short names. Two members share one where no class or interface has both: the compiler has seen to it that each is asked for its own only. */
function shorten(tree) {
  const uses = new Map();
  const owners = new Map();
  walk(tree, (node, type) => {
    if (node.type != "Identifier") return;
    const { name } = node;
    if (name.startsWith("private_")) owners.set(name, new Set([type, ...owners.get(name) ?? []]));
    else if (INTERNAL.includes(name)) owners.set(name, new Set(types.filter(([, names]) => names.includes(name)).map(([type]) => type)));
    else return;
    uses.set(name, (uses.get(name) ?? 0) + 1);
  });
  const short = {};
  for (const [name] of [...uses].sort(([, a], [, b]) => b - a)) {
    const mine = [...owners.get(name)];
    const taken = Object.keys(short).filter((other) => mine.some((type) => owners.get(other).has(type))).map((other) => short[other]);
    short[name] = [...LETTERS].find((letter) => !taken.includes(letter));
  }
  return short;
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
const compress = { passes: 3, inline: 1, hoist_funs: true, pure_getters: true, keep_fargs: false };
for (const { path, text } of outputFiles) {
  const { ast } = await minify(text, { module: true, compress: false, mangle: false, format: { spidermonkey: true, code: false } });
  loosen(ast);
  const mangleCache = shorten(ast);
  const loose = await minify(ast, { parse: { spidermonkey: true }, module: true, compress: false, mangle: false });
  const short = await transform(loose.code, { minifyIdentifiers: true, mangleProps: new RegExp(`^(private_\\w+|${INTERNAL.join("|")})$`), mangleCache });
  const { code } = await minify(short.code, { module: true, ecma: 2022, compress });
  writeFileSync(path, `${code}\n`);
}
