// A page goes on after a kill and restart of the stack, without a reload.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";
import { ask, tell, tidings } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const INBOX = "user:alice-who-waits";
const send = (title) => tidings("send", INBOX, "--title", title);

/** Has the window remember how its connection has stood, as long as it is not loaded anew. */
function remember() {
  const state = document.getElementById("state");
  window.states = [state.textContent];
  new MutationObserver(() => window.states.push(state.textContent)).observe(state, { childList: true });
}

await withBrowser(async (browser) => {
  const alice = await Visitor.signedIn(browser, "alice-who-waits");
  for (const title of ["Before the restart", "Right before it"]) await send(title);
  await alice.item(INBOX, 2).waitFor();
  await alice.page.evaluate(remember);
  await ask("restart");
  const restarted = Date.now();
  // Sent before the page is back, or while it comes back.
  await send("After the restart");
  await alice.item(INBOX, 3).waitFor();
  tell(`PAGE back ${Date.now() - restarted} ms after the stack was`);
  await alice.state("Live");
  await send("To a page that is back");
  await alice.item(INBOX, 4).waitFor();
  const states = await alice.page.evaluate(() => window.states);
  assert.ok(states.length >= 3 && states[0] === "Live" && states.at(-1) === "Live", `${states}`);
  assert.deepEqual(await alice.seqs(INBOX), [4, 3, 2, 1]);
  await alice.unread(4);
  alice.assertInOrder();
});
