// A browser for one script.

import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";
import { given, leave } from "./stack.mjs";

/** Nothing of the browser's own may be on the network, or on the processor. */
const FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A flag that has the browser connect elsewhere, by pairs of addresses. The page sees nothing of it. */
export function rerouted(routes) {
  const rules = Object.entries(routes).map(([from, to]) => `MAP ${new URL(from).host} ${new URL(to).host}`);
  return `--host-resolver-rules=${rules.join(",")}`;
}

/** Runs a script's body with a browser. Where it fails, what the windows showed is kept beside the other screenshots. */
export async function withBrowser(body, flags = []) {
  const browser = await chromium.launch({ executablePath: given.chromium, args: [...FLAGS, ...flags] });
  try {
    await body(browser);
  } catch (error) {
    await keepWindows(browser);
    throw error;
  } finally {
    await browser.close();
    leave();
  }
}

async function keepWindows(browser) {
  const script = basename(process.argv[1], ".mjs");
  for (const [index, context] of browser.contexts().entries()) {
    for (const page of context.pages()) await keep(page, `failed-${script}-${index + 1}`);
  }
}

/** Keeps what a window shows, from top to bottom, in the folder of screenshots. */
export async function keep(page, name) {
  await mkdir(given.screenshots, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(given.screenshots, `${name}.png`), fullPage: true, animations: "disabled" });
}
