// Makes docs/picture/tidings.png, the picture of the README: the real page beside what the real programs print.
//
//     cargo build --workspace --bins && (cd tests/browser && npm ci) && node docs/picture/make.mjs
//
// It starts a local stack of its own, and needs Chromium (Debian: apt-get install chromium).

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PROGRAMS = join(ROOT, "target/debug");
const OUTPUT = join(ROOT, "docs/picture/tidings.png");
const { chromium } = createRequire(join(ROOT, "tests/browser/package.json"))("playwright-core");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Milliseconds that a step may take. */
const PATIENCE = 120_000;

const home = await mkdtemp(join(tmpdir(), "tidings-picture-"));
// Secrets go into a home of its own; the Rust toolchain is still found where it is.
const environment = {
  RUSTUP_HOME: join(homedir(), ".rustup"), CARGO_HOME: join(homedir(), ".cargo"), ...process.env, HOME: home,
};

/** A local stack, and where it is. */
async function startStack() {
  const ports = ["--http-port", "0", "--websocket-port", "0", "--aws-port", "0"];
  const stack = spawn(join(PROGRAMS, "tidings-local"), ["--json", "--no-build", ...ports], {
    cwd: ROOT, env: environment, stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await Promise.race([once(createInterface({ input: stack.stdout }), "line"), once(stack, "exit")]);
  if (typeof line !== "string") throw new Error("the stack did not start");
  const { http, websocket } = JSON.parse(line);
  Object.assign(environment, { TIDINGS_HTTP: http, TIDINGS_WEBSOCKET: websocket });
  return { stack, http };
}

/** A line as a shell shows it, with quotes where they are needed. */
const shown = (words) => ["cargo tidings", ...words.map((word) => (/[^\w:.@/-]/.test(word) ? `"${word}"` : word))].join(" ");

/** Runs `tidings`, and returns what a terminal would show of it. */
async function command(...words) {
  const { stdout } = await promisify(execFile)(join(PROGRAMS, "tidings"), words, { env: environment });
  return [{ prompt: shown(words) }, ...stdout.trim().split("\n").map((output) => ({ output }))];
}

/** Listens; the lines that it prints are added to the terminal as they come. */
function listen(...words) {
  const terminal = [{ prompt: shown(words) }];
  const listener = spawn(join(PROGRAMS, "tidings"), words, { env: environment, stdio: ["ignore", "pipe", "ignore"] });
  createInterface({ input: listener.stdout }).on("line", (output) => terminal.push({ output }));
  return { terminal, listener };
}

async function until(condition) {
  for (const end = Date.now() + PATIENCE; !(await condition()); await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (Date.now() > end) throw new Error(`not in time: ${condition}`);
  }
}

const escaped = (text) => text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

const rendered = (title, lines) => `<figure><figcaption>${title}</figcaption><pre>${lines
  .map(({ prompt, output }) => (prompt ? `<b>$</b> <i>${escaped(prompt)}</i>` : escaped(output)))
  .join("\n")}</pre></figure>`;

/** Page and terminals on one picture. */
const collage = (page, listening, sending) => `<!doctype html><meta charset="utf-8"><style>
  body { margin: 0; padding: 20px; width: 1240px; display: flex; gap: 20px; background: #dfe5ee; font: 14px sans-serif }
  img, figure { border-radius: 8px; box-shadow: 0 2px 10px #0003; margin: 0; overflow: hidden }
  img { width: 560px; height: 520px; object-fit: cover; object-position: top; flex: none }
  div { flex: 1; display: flex; flex-direction: column; gap: 20px; min-width: 0 }
  figure { background: #16202e; color: #d7dfea; flex: 1 }
  figcaption { padding: 8px 14px; background: #24324a; color: #aebbd0 }
  pre { margin: 0; padding: 14px; font: 13.5px/1.5 "DejaVu Sans Mono", monospace; white-space: pre-wrap }
  b { color: #6fcf97 } i { font-style: normal; color: #fff }
</style><img src="data:image/png;base64,${page.toString("base64")}">
<div>${rendered("Terminal: listen", listening)}${rendered("Terminal: send", sending)}</div>`;

const { stack, http } = await startStack();
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--disable-gpu", "--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 560, height: 520 }, colorScheme: "light", baseURL: http });
  page.setDefaultTimeout(PATIENCE);
  await page.goto("/");
  await page.fill("#name", "alice");
  await page.click("#sign-in-name button");
  await page.locator(`#state:text-is("Live")`).waitFor();

  const { terminal, listener } = listen("listen", "--sub", "alice");
  const sent = [
    ...(await command("send", "user:alice", "--title", "Hello")),
    ...(await command("send", "user:alice", "--title", "Build finished", "--body", "main is green")),
    ...(await command("send", "user:alice", "--title", "Stand up", "--delay", "5s")),
  ];
  await until(() => terminal.length > 3);
  await page.locator(`#items > li[data-channel="user:alice"][data-seq="3"]`).waitFor();
  listener.kill();

  const seen = await page.screenshot({ animations: "disabled" });
  const picture = await browser.newPage({ viewport: { width: 1280, height: 560 } });
  await picture.setContent(collage(seen, terminal, sent));
  await picture.screenshot({ path: OUTPUT, fullPage: true });
} finally {
  await browser.close();
  stack.kill();
  await once(stack, "exit");
  await rm(home, { recursive: true, force: true });
}
