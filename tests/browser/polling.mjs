// A page whose sockets are blocked polls instead, and is live again once they are not; one without a network says so, and
// comes back with it.

import assert from "node:assert/strict";
import { keep, rerouted, withBrowser } from "./browser.mjs";
import { ask, given, tell, tidings } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const INBOX = "user:alice-behind-a-proxy";
const send = (title) => tidings("send", INBOX, "--title", title);

await withBrowser(async (browser) => {
  await ask("block");
  const alice = await Visitor.open(browser);
  await alice.page.fill("#name", "alice-behind-a-proxy");
  await alice.page.click("#sign-in-name button");
  await alice.state("Polling");
  const begun = Date.now();
  await send("By a long poll");
  await alice.item(INBOX, 1).waitFor();
  tell(`PAGE shown by a long poll ${Date.now() - begun} ms after \`tidings send\` was run`);
  await keep(alice.page, "polling");
  await ask("unblock");
  await alice.state("Live");
  await send("Over the socket");
  await alice.item(INBOX, 2).waitFor();

  await alice.page.context().setOffline(true);
  await ask("block");
  await alice.state("Offline");
  await send("While nothing passes");
  await keep(alice.page, "offline");
  await ask("unblock");
  await alice.page.context().setOffline(false);
  await alice.item(INBOX, 3).waitFor();
  await alice.state("Live");
  assert.deepEqual(await alice.seqs(INBOX), [3, 2, 1]);
  await alice.unread(3);
  alice.assertInOrder();
}, [rerouted({ [given.websocket]: given.proxy })]);
