// The examples of the guides and of the client's README that import the package.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { ROOT } from "./command.mjs";

/** An example by its language and the class that it imports. */
const BLOCK = /^```(html|js|ts)\n(.*?)^```$/gms;
const IMPORTED = /import \{ (\w+) \} from "(?:tidings(?:\/\w+)?|\.\/tidings\.js)";/;
const SCRIPT = /<script type="module">\n(.*)<\/script>/s;

/** Tells an example by its place, a page or Node, and by whether it listens or sends. */
function parse([, language, text]) {
  const [, imported] = IMPORTED.exec(text) ?? [];
  if (!imported) return [];
  assert.ok(["Tidings", "Sender"].includes(imported), `an example that imports ${imported} is not run`);
  const inPage = language === "html";
  const script = inPage ? SCRIPT.exec(text)[1].replace('"./tidings.js"', '"tidings"') : text;
  return [{ inPage, sends: imported === "Sender", text, script }];
}

/** `{readme, inPage, sends, text, script}` of each; `script` imports the package by its name, also where `text` is a page. */
export async function examples() {
  const all = [];
  for (const readme of ["docs/guides/browser.md", "docs/guides/node.md", "clients/js/README.md"]) {
    const markdown = await readFile(new URL(readme, ROOT), "utf8");
    for (const example of [...markdown.matchAll(BLOCK)].flatMap(parse)) all.push({ readme, ...example });
  }
  const found = all.filter(({ readme }) => readme.startsWith("clients")).map(({ inPage, sends }) => `${inPage} ${sends}`);
  assert.deepEqual(found.sort(), ["false false", "false true", "true false"], "clients/js/README.md has other examples than it had");
  return all;
}

/** The same, as the README has it for a Node without sockets of its own. */
export async function withSockets({ text }) {
  const markdown = await readFile(new URL("clients/js/README.md", ROOT), "utf8");
  const [, line] = /Node 20 .*: add `(import .*?)`,\s+and `WebSocket`\s+to the options/.exec(markdown);
  const changed = text.replace(/^(?=import)/m, `${line}\n`).replace("new Tidings({ ", "new Tidings({ WebSocket, ");
  assert.ok(changed.includes(line) && changed.includes("{ WebSocket, "), "the example for Node 20 is not what it was");
  return changed;
}
