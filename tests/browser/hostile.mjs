// What a notification says is text: nothing in it is run, loaded or followed.

import assert from "node:assert/strict";
import { keep, withBrowser } from "./browser.mjs";
import { tidings } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const INBOX = "user:alice-and-mallory";
const TITLE = '<img src="https://example.com/x.png" onerror="window.hasRun = true">';
const BODY = '</p><script>window.hasRun = true</script><a href="javascript:window.hasRun = true">click</a>';
const URLS = ["javascript:window.hasRun = true", "JaVaScRiPt:window.hasRun = true", "data:text/html,<script>1</script>"];
/** Ways to make HTML or a script of text, and to be allowed to; called in the page. */
const WRONGS = [
  () => document.body.insertAdjacentHTML("beforeend", "<b>bold</b>"),
  () => (document.createElement("script").textContent = "window.hasRun = true"),
  () => (document.createElement("script").src = "/assets/page.js"),
  () => navigator.serviceWorker.register("/assets/page.js"),
  () => trustedTypes.createPolicy("tidings-worker", { createHTML: (text) => text }),
  () => trustedTypes.createPolicy("another", { createHTML: (text) => text }),
];

await withBrowser(async (browser) => {
  const alice = await Visitor.signedIn(browser, "alice-and-mallory");
  const { page } = alice;
  const called = [];
  page.on("request", (request) => called.push(request.url()));
  for (const url of URLS) {
    await tidings("send", INBOX, "--title", TITLE, "--body", BODY, "--url", url, "--data", '{"<b>": "</pre>"}');
  }
  await tidings("send", INBOX, "--title", "A link that is one", "--url", "https://example.com/builds/42");
  await alice.item(INBOX, URLS.length + 1).waitFor();
  for (const [index, url] of URLS.entries()) {
    const item = alice.item(INBOX, index + 1);
    assert.equal(await item.locator("h3").textContent(), TITLE);
    assert.deepEqual(await item.locator(".text").allTextContents(), [BODY, url]);
    assert.equal(await item.locator("a, img, script, b").count(), 0);
  }
  const link = alice.item(INBOX, URLS.length + 1).getByRole("link");
  assert.equal(await link.getAttribute("href"), "https://example.com/builds/42");
  assert.equal(await link.getAttribute("rel"), "noopener noreferrer");
  assert.equal(await page.evaluate(() => window.hasRun), undefined);
  // All of it came over the socket.
  assert.deepEqual(called, []);
  await keep(page, "hostile");

  // A name that would end a selector is refused like any other.
  await page.fill("#channel", 'topic:"],*{');
  await page.click("#follow button");
  await page.locator("#channel-wrong").waitFor();
  assert.equal(await page.locator("#channels > li").count(), 1);
  alice.assertInOrder();

  // Even if the page made HTML or a script of some of it, the browser would refuse, and complain here.
  const refused = /requires 'Trusted|disallowed|already exists/;
  for (const wrong of WRONGS) await assert.rejects(page.evaluate(wrong), refused, `${wrong}`);
  await page.evaluate(() => {
    const script = document.createElement("script");
    script.append("window.hasRun = true");
    document.body.append(script);
  });
  assert.equal(await page.evaluate(() => window.hasRun), undefined);
  assert.match(alice.complaints.join(), /Content Security Policy/);
});
