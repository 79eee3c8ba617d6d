// The examples of the docs run in a browser and in Node, to the letter. Their connections to the addresses of `cargo local` are led
// to the stack under test.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { rerouted, withBrowser } from "./browser.mjs";
import { serve } from "./files.mjs";
import { given, tell, tidings } from "./stack.mjs";
import { PATIENCE } from "./visitor.mjs";

const ROUTES = { "http://127.0.0.1:3000": given.http, "ws://127.0.0.1:3001": given.websocket };
/** Lines, as was promised. */
const LONGEST = 10;
/** The version that the docs ask for; another one may run this script. */
const NODE = new URL("node_modules/node/bin/node", import.meta.url).pathname;

/** The examples in this language that import this. */
function examples(markdown, language, name) {
  const blocks = [...markdown.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const texts = blocks.filter(([, other, text]) => other === language && text.includes(`import { ${name} }`)).map(([, , text]) => text);
  for (const text of texts) assert.ok(text.trimEnd().split("\n").length <= LONGEST, text);
  return texts;
}

/** The one example in this language that listens. */
function example(markdown, language) {
  const [text, ...others] = examples(markdown, language, "Tidings");
  assert.ok(text && !others.length, `examples in ${language}`);
  for (const address of Object.keys(ROUTES)) assert.ok(text.includes(`"${address}"`), `${address} in ${text}`);
  return text;
}

/** Opens the example in a browser, beside the client as it is built, and gives it the token that it asks for. */
async function openInBrowser(browser, text, token) {
  const client = await readFile(join(given.client, "dist/tidings.js"), "utf8");
  const address = await serve({ "/": ["text/html", text], "/tidings.js": ["text/javascript", client] });
  const page = await browser.newPage();
  const asked = once(page, "dialog");
  const opened = page.goto(address);
  const [dialog] = await asked;
  assert.match(dialog.message(), /cargo tidings token --sub alice/);
  await dialog.accept(token);
  await opened;
  // All that it needs it has.
  return page;
}

/** Starts the example in a folder of its own, in which the client is installed as the docs say. */
async function startInNode(folder, text, token) {
  await promisify(execFile)("npm", ["install", "--silent", "--offline", given.client], { cwd: folder });
  const name = /^\/\/ (\S+\.mjs)$/m.exec(text)[1];
  await writeFile(join(folder, name), text);
  const reroute = new URL("reroute.mjs", import.meta.url).href;
  const ports = Object.entries(ROUTES).map(([from, to]) => [new URL(from).port, new URL(to).port]);
  const env = { ...process.env, REROUTED_PORTS: JSON.stringify(Object.fromEntries(ports)) };
  return spawn(NODE, ["--import", reroute, name, token], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
}

/** Waits until so many sockets are open: with less, what comes may come by polls. */
async function untilSockets(count) {
  const open = async () => (await (await fetch(`${given.aws}/_local/sockets`)).json()).length;
  for (const end = Date.now() + PATIENCE; (await open()) < count; await sleep(50)) {
    assert.ok(Date.now() < end, `there are not ${count} sockets`);
  }
}

async function bothListen(page, running) {
  const lines = createInterface({ input: running.stdout })[Symbol.asyncIterator]();
  const printed = async (line) => assert.equal((await lines.next()).value, line);
  const shown = (text) => page.locator("body", { hasText: text }).waitFor({ timeout: PATIENCE });
  await Promise.all([shown("#1 Hello "), printed("#1 Hello")]);
  await untilSockets(2);
  await tidings("send", "user:alice", "--title", "Hello again");
  await Promise.all([shown("#1 Hello #2 Hello again"), printed("#2 Hello again")]);
}

/** Runs the examples that send, if there are any, and waits for what they send. */
async function sends(markdown, page) {
  const token = await tidings("token", "--sub", "shop", "--publish", "user:*");
  for (const text of examples(markdown, "js", "Sender")) {
    await inFolder(async (folder) => {
      const [code] = await once(await startInNode(folder, text, token), "exit");
      assert.equal(code, 0);
    });
    await page.locator("body", { hasText: "#2 Hello again #3 Hello" }).waitFor({ timeout: PATIENCE });
  }
}

async function inFolder(body) {
  const folder = await mkdtemp(join(tmpdir(), "tidings-example-"));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

await withBrowser(async (browser) => {
  const markdown = (await Promise.all(given.documents.map((path) => readFile(path, "utf8")))).join("\n");
  const token = await tidings("token", "--sub", "alice");
  await tidings("send", "user:alice", "--title", "Hello");
  const page = await openInBrowser(browser, example(markdown, "html"), token);
  await inFolder(async (folder) => {
    const running = await startInNode(folder, example(markdown, "js"), token);
    try {
      await bothListen(page, running);
    } finally {
      running.kill();
    }
  });
  await sends(markdown, page);
  tell(`${given.documents}: the examples run as they are written`);
}, [rerouted(ROUTES)]);
