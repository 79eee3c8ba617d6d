// The page in each of its states, wide and narrow, by day and by night: axe-core finds nothing in any of them that keeps
// anybody out, nothing has to be scrolled sideways, and each is kept as a screenshot.

import assert from "node:assert/strict";
import axe from "axe-core";
import { keep, withBrowser } from "./browser.mjs";
import { given, said, tell, tidings } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const NAME = "alice-who-looks";
const INBOX = `user:${NAME}`;
const TOPIC = "topic:everybody";
const SIZES = [
  { width: 1280, height: 800 },
  { width: 360, height: 740 },
];
const SCHEMES = ["light", "dark"];
/** Also that what is pressed is large enough (WCAG 2.2), which axe-core does only where it is asked to. */
const OPTIONS = { rules: { "target-size": { enabled: true } } };
/** Fewer rules than this would mean that it did not look at all. */
const RULES = 25;
/** A question hides the page behind it, and leaves less to look at. */
const RULES_OF_A_QUESTION = 20;

let looked = 0;

async function look(page, name, rules = RULES) {
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const colorScheme of SCHEMES) {
      // What moves is looked at when it has come to rest.
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await inspect(page, `${name}-${size.width}-${colorScheme}`, rules);
    }
  }
}

async function inspect(page, name, rules) {
  await keep(page, name);
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate((options) => axe.run(document, options), OPTIONS);
  const told = violations.flatMap(({ id, impact, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${impact} ${id} (${help}) at ${target}: ${failureSummary}`),
  );
  assert.deepEqual(told, [], name);
  assert.ok(passes.length >= rules, `${name}: only ${passes.length} rules found something to look at`);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${name} is ${width} pixels wide`);
  looked++;
}

async function door(browser) {
  const { page, ...visitor } = await Visitor.open(browser);
  await look(page, "sign-in");
  await page.click("#or-token button");
  await page.fill("#token", "no token at all");
  await page.click("#sign-in-token button");
  await page.locator("#token-wrong").waitFor();
  await look(page, "sign-in-refused");
  assert.deepEqual(visitor.complaints, []);
}

const send = (channel, ...words) => tidings("send", channel, ...words);

async function fill() {
  await send(INBOX, "--title", "Build finished", "--body", "main is green.\nAll 1,204 tests pass.");
  await send(INBOX, "--body", "Only a text, and a link with it", "--url", "https://example.com/a/b?c=d");
  await send(INBOX, "--title", "Disk almost full", "--priority", "high", "--data", '{"disk": "/dev/sda1", "free": 0.04}');
  await send(INBOX, "--title", `A${"a".repeat(80)}h`, "--body", "One word that is too long for a line");
  await send(TOPIC, "--title", "Maintenance tonight", "--body", "From 22:00 to 23:00, with luck shorter.");
}

async function inbox(browser) {
  const alice = await Visitor.signedIn(browser, NAME);
  const { page } = alice;
  await look(page, "inbox-empty");
  await page.fill("#channel", said(TOPIC));
  await page.click("#follow button");
  await fill();
  await alice.item(TOPIC, 1).waitFor();
  await alice.item(INBOX, 4).waitFor();
  await alice.unread(4);
  const id = await alice.send({ title: "Cancelled before its time", when: "1h" }, "scheduled");
  await alice.scheduled(id, "scheduled").getByRole("button").click();
  await alice.scheduled(id, "cancelled").waitFor();
  const other = await alice.send({ title: "Weekly report", when: "1h" }, "scheduled");
  await alice.scheduled(other, "scheduled").waitFor();
  await look(page, "inbox");
  await page.selectOption("#when", "deliver_at");
  await page.click("#send summary");
  await alice.send({ title: "Backup", repeat: "every day" }, "refused");
  await page.locator("#repeat-wrong").waitFor();
  await look(page, "form-refused");
  await page.click("#read");
  await alice.unread(0);
  await look(page, "inbox-read");
  alice.assertInOrder();
}

/** Somebody whose token may read only, and somebody whose token counts for nothing. */
async function byToken(browser) {
  const reading = await tidings("token", "--sub", NAME);
  const reader = await Visitor.open(browser, `/#token=${reading}`);
  await reader.state("Live");
  await reader.page.locator("#may-not-send").waitFor();
  await look(reader.page, "reading-only");
  const another = await tidings("token", "--sub", `${NAME}-too`);
  await reader.page.evaluate((token) => location.assign(`#token=${token}`), another);
  await reader.page.locator("#ask[open]").waitFor();
  await look(reader.page, "link-asked", RULES_OF_A_QUESTION);
  reader.assertInOrder();
  const forged = reading.replace(/[^.](?=[^.]*$)/, (first) => (first === "A" ? "B" : "A"));
  const { page, ...forger } = await Visitor.open(browser, `/#token=${forged}`);
  await page.locator("#notice", { hasText: "You are signed out" }).waitFor();
  await page.locator("#notice-sign-in").waitFor();
  await look(page, "signed-out");
  assert.deepEqual(forger.complaints, []);
}

await withBrowser(async (browser) => {
  await door(browser);
  await inbox(browser);
  await byToken(browser);
  tell(`PAGE looked at ${looked} times; the screenshots are in ${given.screenshots}`);
});
