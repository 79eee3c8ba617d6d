// The example for browsers, in one.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { PATIENCE } from "./started.mjs";

const FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Opens pages, `{text, files: {name: path}}`, with a token for each, until `body(shown)` is done; `shown` waits until all have a text. */
export async function withPages(executablePath, stack, pages, token, body) {
  const rules = stack.routes().map(([from, to]) => `MAP ${new URL(from).host} ${new URL(to).host}`);
  const browser = await chromium.launch({ executablePath, args: [...FLAGS, `--host-resolver-rules=${rules.join(",")}`] });
  const servers = [];
  try {
    const opened = [];
    for (const page of pages) {
      const server = await serve(page);
      servers.push(server);
      opened.push(await open(browser, `http://127.0.0.1:${server.address().port}/`, token));
    }
    await body((text) => Promise.all(opened.map((page) => page.locator("body", { hasText: text }).waitFor({ timeout: PATIENCE }))));
  } finally {
    await browser.close();
    for (const server of servers) server.close();
  }
}

async function serve({ text, files }) {
  const server = createServer(async (request, response) => {
    const path = files[request.url.slice(1)];
    const [type, content] = path ? ["text/javascript", await readFile(path)] : ["text/html", text];
    response.writeHead(200, { "content-type": type }).end(content);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function open(browser, url, token) {
  const page = await browser.newPage();
  page.on("dialog", (dialog) => dialog.accept(token));
  await page.goto(url);
  return page;
}
