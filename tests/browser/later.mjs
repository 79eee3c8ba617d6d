// A notification scheduled in the page is listed there, arrives when it is due and not before, and is then listed as sent.

import assert from "node:assert/strict";
import { keep, withBrowser } from "./browser.mjs";
import { tell } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const INBOX = "user:alice-on-time";
/** A notification is on the page this soon after its time, in milliseconds: a second for the stack, and one for a busy browser. */
const LATEST = 2_000;

await withBrowser(async (browser) => {
  const alice = await Visitor.signedIn(browser, "alice-on-time");
  const pressed = Date.now();
  const id = await alice.send({ title: "Stand up and stretch", when: "10s" }, "scheduled");
  const answered = Date.now();
  const row = alice.scheduled(id, "scheduled");
  await row.waitFor();
  const due = Date.parse(await row.locator("time").getAttribute("datetime"));
  assert.ok(pressed + 10_000 <= due && due <= answered + 10_000, `pressed ${pressed}, answered ${answered}, due ${due}`);
  // The browser remembers what it has scheduled.
  await alice.page.reload();
  await row.waitFor();
  await alice.state("Live");
  await keep(alice.page, "scheduled");
  await alice.item(INBOX, 1).waitFor();
  const late = Date.now() - due;
  tell(`PAGE shown ${late} ms after its time`);
  assert.ok(0 <= late && late <= LATEST, `${late}`);
  await alice.scheduled(id, "sent").getByText(`${INBOX} #1`).waitFor();
  assert.equal(await alice.item(INBOX, 1).getAttribute("data-id"), id);
  await keep(alice.page, "scheduled-and-sent");
  alice.assertInOrder();
});
