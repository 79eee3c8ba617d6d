// Bundles the client and, apart from it, the module that sends. Names that no application sees become one letter each.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { minify } from "terser";

/** Properties that only the client's own modules use. */
const INTERNAL = [
  "answered", "api", "ask", "call", "changed", "check", "current", "cursor", "dial", "drop", "failed", "follow", "giveUp", "gone", "group", "handshake",
  "hasAsked", "hasGap", "hasRoom", "held", "isDue", "joined", "known", "leads", "leave", "left", "line", "load", "loaded", "lost", "marked", "moved",
  "options", "periods", "pollFailed", "polled", "pump", "putOff", "ready", "refuse", "relay", "renew", "restart", "resumed", "save", "settled", "stands",
  "stop", "tabs", "take", "takeLoose", "tell", "tellOnce", "turn", "wakeUp", "wants", "work",
];
/** The modules that applications see. They declare none of the internal properties. */
const PUBLIC = ["error", "index", "send", "timing", "types"];
/** The beginning of the names of members that were private. */
const PRIVATE = "private_";
/** The letters in the minifier's own order. The most used names get the first ones. */
const LETTERS = "tseihnroacludfpmgwybvkqxzjTSDEMPILOCRWBAGUJNFHVXYZKQ_$";

function declarations(file) {
  return readFileSync(new URL(`dist/${file}.d.ts`, import.meta.url), "utf8");
}

function membersIn(text) {
  return Array.from(text.matchAll(/^ +(?:readonly |get |set )?(\w+)\??[:(<]/gm), ([, name]) => name);
}

for (const file of PUBLIC) {
  const shortened = membersIn(declarations(file)).filter((name) => INTERNAL.includes(name));
  if (shortened.length > 0) throw new Error(`src/${file}.ts promises ${shortened}: take it from the list in build.mjs`);
}

/** The names of the classes and interfaces that declare each internal property. */
const owners = new Map(INTERNAL.map((name) => [name, new Set()]));
for (const file of readdirSync(new URL("src", import.meta.url))) {
  const types = declarations(file.replace(/\.ts$/, "")).matchAll(/^(?:export )?(?:declare )?(?:class|interface) (\w+).*\{\n((?: .*\n)*)\}/gm);
  for (const [, type, members] of types) for (const name of membersIn(members)) owners.get(name)?.add(type);
}
for (const [name, types] of owners) if (!types.size) throw new Error(`nothing declares ${name}: take it from the list in build.mjs`);

/** Calls `visit` with each node of a syntax tree, and the name of the class that it stands in. */
function walk(node, visit, type) {
  if (node === null || typeof node != "object") return;
  if (node.type == "ClassDeclaration") type = node.id.name;
  if (node.type == "VariableDeclarator" && node.init?.type == "ClassExpression") type = node.id.name;
  visit(node, type);
  for (const child of Object.values(node)) walk(child, visit, type);
}

/** Turns private members into properties, and constants into variables. The compiler has checked that no other code uses or assigns them. */
function loosen(tree) {
  walk(tree, (node, type) => {
    if (node.superClass && node.superClass.name != "Error") throw new Error(`${type} extends a class: their members could get the same name`);
    if (node.type == "BinaryExpression" && node.left.type == "PrivateIdentifier") throw new Error(`${type} asks for a private member with \`in\``);
    if (node.type == "Identifier" && node.name.startsWith(PRIVATE)) throw new Error(`${node.name} begins with ${PRIVATE}`);
    // A property without a value needs no declaration.
    if (node.type == "ClassBody") node.body = node.body.filter(({ type, key, value }) => type != "PropertyDefinition" || key.type != "PrivateIdentifier" || value);
    if (node.kind == "const") node.kind = "let";
  });
  walk(tree, (node, type) => {
    if (node.type != "PrivateIdentifier") return;
    node.type = "Identifier";
    node.name = PRIVATE + node.name;
    owners.set(node.name, new Set(owners.get(node.name)).add(type));
  });
}

/** Chooses the letters. Two names share a letter if no class and no interface has both. The compiler has checked the type at each use. */
function shorten(tree) {
  const uses = new Map();
  walk(tree, ({ name }) => owners.has(name) && uses.set(name, (uses.get(name) ?? 0) + 1));
  const letters = {};
  for (const [name] of [...uses].sort(([, one], [, other]) => other - one)) {
    const types = [...owners.get(name)];
    const rivals = Object.keys(letters).filter((other) => types.some((type) => owners.get(other).has(type)));
    const taken = rivals.map((rival) => letters[rival]);
    letters[name] = [...LETTERS].find((letter) => !taken.includes(letter));
  }
  walk(tree, ({ type, properties, property, computed }) => {
    const names = type == "MemberExpression" && !computed ? [property.name] : (properties ?? []).map(({ key }) => key?.name);
    const short = names.map((name) => letters[name] ?? name).filter((name) => name);
    if (names.some((name) => name?.length == 1) || new Set(short).size < short.length) throw new Error(`these would be mixed up: ${names}`);
  });
  return letters;
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
// Reading a property of the client has no effect, and no code reads the length of its functions.
const compress = { passes: 3, inline: 1, hoist_funs: true, pure_getters: true, keep_fargs: false };
const mangleProps = new RegExp(`^(${PRIVATE}\\w+|${INTERNAL.join("|")})$`);
for (const { path, text } of outputFiles) {
  const { ast } = await minify(text, { module: true, compress: false, mangle: false, format: { spidermonkey: true, code: false } });
  loosen(ast);
  const loose = await minify(ast, { parse: { spidermonkey: true }, module: true, compress: false, mangle: false });
  const short = await transform(loose.code, { minifyIdentifiers: true, mangleProps, mangleCache: shorten(ast) });
  const { code } = await minify(short.code, { module: true, ecma: 2022, compress });
  writeFileSync(path, `${code}\n`);
}
