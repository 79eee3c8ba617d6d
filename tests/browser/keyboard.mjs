// Everything can be done with the keyboard alone, and where the focus is can be seen.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";
import { said } from "./stack.mjs";
import { Visitor } from "./visitor.mjs";

const INBOX = "user:alice-at-the-keys";
/** More than there is on the page to stop at. */
const STOPS = 60;

/** Whether the focus has a mark, and nothing lies over it; called in the page. */
function isFocusSeen() {
  const focused = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(focused);
  const { left, top, width, height } = focused.getBoundingClientRect();
  const over = document.elementFromPoint(left + width / 2, top + height / 2);
  return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 && focused.contains(over);
}

class Keys {
  constructor(page) {
    this.page = page;
    this.keyboard = page.keyboard;
  }

  async isOn(selector) {
    return this.page.evaluate((selector) => document.activeElement.matches(selector), selector);
  }

  /** Where the focus is, for a reader of a failure. */
  async place() {
    return this.page.evaluate(() => document.activeElement.outerHTML.slice(0, 120));
  }

  /** Goes on, or back, to what matches. */
  async to(selector, key = "Tab") {
    for (let stops = 0; !(await this.isOn(selector)); stops++) {
      assert.ok(stops < STOPS, `the keyboard does not come to ${selector}`);
      await this.keyboard.press(key);
      const isSeen = (await this.isOn("body")) || (await this.page.evaluate(isFocusSeen));
      assert.ok(isSeen, `the focus cannot be seen on ${await this.place()}`);
    }
  }

  async assertOn(selector) {
    assert.ok(await this.isOn(selector), `the focus is on ${await this.place()} instead of ${selector}`);
  }

  async type(text) {
    await this.keyboard.type(said(text));
  }
}

await withBrowser(async (browser) => {
  const alice = await Visitor.open(browser);
  const { page } = alice;
  const keys = new Keys(page);
  const enter = () => keys.keyboard.press("Enter");

  await keys.assertOn("#name");
  await keys.type("alice-at-the-keys");
  await enter();
  await keys.assertOn("#inbox");
  await alice.state("Live");

  await keys.to("#title");
  await keys.type("Typed and sent");
  await enter();
  await alice.item(INBOX, 1).waitFor();
  // Who cannot see it hears of it.
  await page.locator("#arrival", { hasText: "Typed and sent" }).waitFor();
  await keys.assertOn("#title");

  await keys.type("Typed for later");
  await keys.to("#when");
  for (let options = 0; options < 3; options++) await keys.keyboard.press("ArrowDown");
  assert.equal(await page.inputValue("#when"), "1h");
  await keys.to("form#send button.main");
  await enter();
  await page.locator("#scheduled > li[data-state=scheduled]").waitFor();
  await keys.to("#scheduled button[aria-label='Cancel Typed for later']");
  await enter();
  await page.locator("#scheduled > li[data-state=cancelled]").waitFor();
  await keys.assertOn("#scheduled button[aria-label^='Remove Typed for later']");
  await enter();
  await keys.assertOn("#later");
  assert.equal(await page.locator("#scheduled > li").count(), 0);

  await keys.to("#channel", "Shift+Tab");
  await keys.type("topic:news");
  await enter();
  await page.locator("#channels > li[data-channel='topic:news']").waitFor();
  await keys.to("#read", "Shift+Tab");
  await enter();
  await alice.unread(0);
  await keys.assertOn("#inbox");

  await page.reload();
  await alice.state("Live");
  await keys.keyboard.press("Tab");
  await keys.to("#skip");
  await enter();
  await keys.assertOn("#inbox");
  await keys.to("#sign-out", "Shift+Tab");
  await enter();
  await page.locator("#sign-in-name").waitFor();
  await keys.assertOn("#name");
  alice.assertInOrder();
});
