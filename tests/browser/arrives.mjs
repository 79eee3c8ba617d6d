// What `tidings send` sends is on the page within a second.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";
import { tell, tidings } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const SENDS = 10;
/** Milliseconds. */
const LATEST = 1_000;

await withBrowser(async (browser) => {
  const alice = await Visitor.signedIn(browser, "alice-at-her-desk");
  const sinceBegun = [];
  const sinceSent = [];
  for (let seq = 1; seq <= SENDS; seq++) {
    const begun = Date.now();
    const isShown = alice.item("user:alice-at-her-desk", seq).waitFor().then(Date.now);
    await tidings("send", "user:alice-at-her-desk", "--title", `Build ${seq} finished`);
    const shown = await isShown;
    const sent = await alice.item("user:alice-at-her-desk", seq).locator("time").getAttribute("datetime");
    sinceBegun.push(shown - begun);
    sinceSent.push(shown - Date.parse(sent));
    await alice.unread(seq);
  }
  // Until it is sent, the program has to start, and at first a process of the function: on a busy machine that takes its time.
  tell(`PAGE shown so many milliseconds after \`tidings send\` was run: ${sinceBegun}; after it was sent: ${sinceSent}`);
  assert.ok(Math.max(...sinceSent) <= LATEST);
  await alice.state("Live");
  await alice.page.click("#read");
  await alice.unread(0);
  alice.assertInOrder();
});
