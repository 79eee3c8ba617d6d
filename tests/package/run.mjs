#!/usr/bin/env node
// Installs the package `tidings` as an application does, and runs the READMEs' examples from there:
//
//     node tests/package/run.mjs [--no-build]
//
// It packs clients/js, installs that into an empty folder, has TypeScript compile the examples as strictly as it can, has esbuild
// and rollup bundle them for browsers, and runs all of it in three versions of Node and in Chromium, against a local stack. It
// needs npm and its registry. Anything that is not as the READMEs say ends it with a 1. `--no-build` takes the stack's binaries
// as they are.

import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { access, copyFile, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { Application } from "./application.mjs";
import { ROOT, here, run } from "./command.mjs";
import { examples, withSockets } from "./examples.mjs";
import { Stack } from "./stack.mjs";
import { Started } from "./started.mjs";
import { hasLicences, judge, pack } from "./tarball.mjs";

const VERSIONS = [20, 22, 24];
/** The names that Chromium goes by. */
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"];

let since = Date.now();
function say(what) {
  console.log(`${((Date.now() - since) / 1_000).toFixed(1).padStart(5)} s  ${what}`);
  since = Date.now();
}

/** Has npm install what a folder's lock file names, unless it is there. */
async function npmInstall(folder) {
  const stamp = join(folder, "node_modules/installed.json");
  const wanted = await readFile(join(folder, "package-lock.json"), "utf8");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return;
  await run("npm", ["ci", "--no-audit", "--no-fund"], { cwd: folder });
  await writeFile(stamp, wanted);
}

/** Writes each example as files of the application: as it is, and bundled. */
async function unfold(application, all) {
  for (const [index, example] of all.entries()) {
    example.name = await application.write(`example-${index + 1}.mjs`, example.script);
    example.bundles = await application.bundle(example.name, example.sends);
  }
}

async function compile(application, all) {
  await copyFile(here("application.mts"), application.path("application.mts"));
  const typescript = async ({ name, script }) => application.write(name.replace("mjs", "mts"), script);
  const files = { page: ["application.mts"], node: ["application.mts"] };
  for (const example of all) {
    // What sends does so everywhere, and what reads its arguments in Node only.
    files[example.inPage ? "page" : "node"].push(await typescript(example));
  }
  const listener = all.find(({ inPage, sends }) => !inPage && !sends);
  listener.withSockets = await application.write("with-sockets.mjs", await withSockets(listener));
  files.node.push(await typescript({ name: listener.withSockets, script: await withSockets(listener) }));
  await application.compile(files);
}

/** Runs what sends, and returns the seq of what it sent. */
async function send(application, version, name, stack, token) {
  const printed = await new Started(application, version, name, stack, token).ends();
  const [, seq] = /channel: 'user:alice',\s+seq: (\d+)/.exec(printed) ?? [];
  assert.ok(seq, `the example that sends printed:\n${printed}`);
  return Number(seq);
}

/** Everybody who listens has what was sent before, and what is sent then. */
async function inNode(application, version, all, stack, tokens) {
  const [sender] = all.filter(({ sends }) => sends);
  const listening = all.filter(({ inPage, sends }) => !inPage && !sends);
  // Without sockets all would poll, and a user has few places in which polls wait.
  const listeners = version < 22 ? [listening[0].name, listening[0].withSockets] : listening.flatMap(({ name, bundles }) => [name, ...bundles]);
  const first = await send(application, version, sender.name, stack, tokens.shop);
  const started = listeners.map((name) => new Started(application, version, name, stack, tokens.alice));
  try {
    const printed = (seq) => Promise.all(started.map((each) => each.prints(`#${seq} Hello`)));
    await printed(first);
    for (const name of [sender.name, ...sender.bundles]) {
      await printed(await send(application, version, name, stack, tokens.shop));
    }
  } finally {
    for (const each of started) each.stop();
  }
  return started.length;
}

async function found(names) {
  for (const folder of process.env.PATH.split(delimiter)) {
    for (const path of names.map((name) => join(folder, name))) {
      if (await access(path).then(() => true, () => false)) return path;
    }
  }
}

/** The page as it is beside the package's file, and with each bundle in the script's place. */
function pages(application, example) {
  const bundled = example.bundles.map((name) => ({
    text: '<!doctype html><script type="module" src="bundle.js"></script>',
    files: { "bundle.js": application.path(name) },
  }));
  return [{ text: example.text, files: { "tidings.js": join(application.package, "dist/tidings.js") } }, ...bundled];
}

async function inBrowser(application, all, stack, tokens) {
  const chromium = await found(CHROMIUM);
  if (!chromium) {
    assert.ok(!process.env.CI, "Chromium is missing (Debian: apt-get install chromium), and in CI nothing is skipped");
    return say("SKIPPED: Chromium is missing (Debian: apt-get install chromium), so no bundle ran in a browser");
  }
  const { withPages } = await import("./page.mjs");
  const opened = all.filter(({ inPage }) => inPage).flatMap((example) => pages(application, example));
  const [sender] = all.filter(({ sends }) => sends);
  const first = await send(application, 22, sender.name, stack, tokens.shop);
  await withPages(chromium, stack, opened, tokens.alice, async (shown) => {
    await shown(`#${first} Hello`);
    await shown(`#${await send(application, 22, sender.name, stack, tokens.shop)} Hello`);
  });
  say(`Chromium: ${opened.length} pages show what the example sends`);
}

async function drive(application, all) {
  const stack = await Stack.start();
  try {
    const tokens = {
      alice: await stack.token("--sub", "alice"),
      shop: await stack.token("--sub", "shop", "--publish", "user:*"),
    };
    for (const version of VERSIONS) {
      const listeners = await inNode(application, version, all, stack, tokens);
      say(`Node ${version}: ${listeners} listeners print what the example sends`);
    }
    await inBrowser(application, all, stack, tokens);
  } finally {
    await stack.stop();
  }
}

async function main(folder) {
  if (!process.argv.includes("--no-build")) {
    await run("cargo", ["build", "--quiet", "--workspace", "--bins", "--locked"], { cwd: ROOT.pathname });
    say("the stack is built");
  }
  const application = new Application(folder);
  await npmInstall(new URL("clients/js", ROOT).pathname);
  await npmInstall(here("."));
  await application.prepare();
  say("npm has installed what an application has, and what looks at the package");
  const { path, size } = await pack(folder);
  await application.install(path);
  await hasLicences(application.package);
  await judge(path);
  say(`the package has ${size} bytes, and what belongs into it`);
  const all = await examples();
  await unfold(application, all);
  say(`esbuild and rollup bundle ${all.length} examples`);
  await compile(application, all);
  say("TypeScript has nothing to say of them");
  await drive(application, all);
}

// What was started ends with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const folder = await mkdtemp(join(tmpdir(), "tidings-package-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
await main(folder);
