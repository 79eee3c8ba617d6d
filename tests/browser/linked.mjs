// A link signs nobody in as somebody else unless the reader agrees: not where somebody is signed in, nor where somebody was.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";
import { given, said, tidings } from "./stack.mjs";
import { PATIENCE, Visitor } from "./visitor.mjs";

const [ALICE, MALLORY] = ["alice-who-is-lured", "mallory-who-lures"];
const FORGED = "AAAA";

const mint = (sub) => tidings("token", "--sub", sub, "--publish", "*");

/** A token that the page takes for one of this user; the stack would not. */
function forge(sub, exp = Math.floor(Date.now() / 1000) + 3600) {
  const parts = [{ alg: "HS256", typ: "JWT" }, { sub, exp }].map((part) => Buffer.from(JSON.stringify(part)));
  return [...parts.map((part) => part.toString("base64url")), FORGED].join(".");
}

/** A window, and the tokens that calls from it had. */
class Window extends Visitor {
  used = new Set();

  static async open(context, path = "/") {
    const window = new Window(await context.newPage());
    window.page.on("request", (request) => window.used.add(request.headers().authorization));
    await window.page.goto(path);
    return window;
  }

  async signIn(name) {
    await this.page.fill("#name", said(name));
    await this.page.click("#sign-in-name button");
    await this.state("Live");
  }

  /** Follows a link to where the window is already. */
  async follow(token) {
    await this.page.evaluate((token) => location.assign(`#token=${token}`), token);
    await this.page.waitForFunction(() => location.hash === "");
  }

  /** Comes from somewhere else. */
  async arrive(token) {
    await this.page.goto("about:blank");
    await this.page.goto(`/#token=${token}`);
    await this.page.waitForFunction(() => location.hash === "");
  }

  async isAsked() {
    await this.page.locator("#ask[open]").waitFor();
    assert.equal(await this.page.evaluate(() => document.activeElement.id), "ask-no");
    return (await this.page.innerText("#ask h2")).trim();
  }

  async isNotAsked() {
    assert.equal(await this.page.locator("#ask[open]").count(), 0);
  }

  /** Everything that a session is, as the page shows and keeps it. */
  async session() {
    return this.page.evaluate(() => ({
      sub: document.getElementById("sub").textContent,
      to: document.getElementById("to").value,
      channels: [...document.querySelectorAll("#channels > li")].map(({ dataset }) => dataset.channel),
      tab: sessionStorage.getItem("tidings.session"),
      kept: Object.entries(localStorage).toSorted(),
      url: location.href,
    }));
  }

  /** That a link is asked about and, by this answer, changes nothing; not even after a reload. */
  async declines(come, answer) {
    const before = await this.session();
    await come();
    assert.equal(await this.isAsked(), `Sign in as ${MALLORY}?`);
    assert.deepEqual(await this.session(), before);
    await answer();
    await this.page.locator("#ask:not([open])").waitFor({ state: "attached" });
    assert.deepEqual(await this.session(), before);
    await this.page.reload();
    if (before.sub !== "") await this.state("Live");
    await this.isNotAsked();
    assert.deepEqual(await this.session(), before);
  }

  /** Asserts that the session is as before, and that the page says why the link is not valid. */
  async stays(before, why) {
    await this.page.locator("#notice", { hasText: why }).waitFor();
    await this.isNotAsked();
    await this.state("Live");
    assert.deepEqual(await this.session(), before);
    await this.page.click("#notice-dismiss");
  }

  async isSignedInAs(name) {
    await this.page.locator(`#sub:text-is("${name}")`).waitFor();
    await this.state("Live");
    const { to, channels, tab, kept, url } = await this.session();
    assert.deepEqual([to, channels, url], [`user:${name}`, [`user:${name}`], `${given.http}/`]);
    assert.ok(kept.some(([key, value]) => key === "tidings.last-user" && value === name), `${kept}`);
    assert.ok(!`${kept}`.includes("ey"), "a token outlives its tab");
    return JSON.parse(tab);
  }
}

async function fresh(browser) {
  const context = await browser.newContext({ baseURL: given.http });
  context.setDefaultTimeout(PATIENCE);
  return context;
}

async function whereNobodyWas(browser) {
  const token = await mint(ALICE);
  const alice = await Window.open(await fresh(browser), `/#token=${token}`);
  assert.deepEqual(await alice.isSignedInAs(ALICE), { token });
  // The same at a door that is open already.
  const other = await Window.open(await fresh(browser));
  await other.page.locator("#name").waitFor();
  await other.follow(token);
  await other.isSignedInAs(ALICE);
  for (const window of [alice, other]) {
    await window.isNotAsked();
    window.assertInOrder();
  }
}

async function whereSomebodyIs(alice, mallorys) {
  const { page } = alice;
  const press = (key) => () => page.keyboard.press(key);
  await alice.declines(() => alice.follow(mallorys), press("Enter"));
  await alice.declines(() => alice.follow(mallorys), press("Escape"));
  await alice.declines(() => alice.follow(mallorys), () => page.click("#ask-no"));
  await alice.declines(() => alice.arrive(mallorys), press("Enter"));
  await alice.declines(() => alice.arrive(mallorys), () => page.reload());
  await alice.declines(async () => {
    // The second question takes the first one's place.
    await alice.follow(forge("mallorys-friend"));
    assert.equal(await alice.isAsked(), "Sign in as mallorys-friend?");
    await alice.follow(mallorys);
  }, press("Escape"));
}

async function theQuestion(alice, mallorys) {
  const { page } = alice;
  await alice.follow(mallorys);
  await alice.isAsked();
  const dialog = page.getByRole("alertdialog", { name: `Sign in as ${MALLORY}?` });
  assert.match(await dialog.innerText(), new RegExp(`You are ${ALICE}\\.`));
  // Only the two answers can be reached, and both with the keyboard.
  const stops = [];
  for (let tabs = 0; tabs < 4; tabs++) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => document.activeElement.id));
  }
  assert.deepEqual(new Set(stops.filter(Boolean)), new Set(["ask-no", "ask-yes"]));
  await dialog.getByRole("button", { name: `Stay ${ALICE}` }).press("Space");
}

/** Names that are text whatever is in them, and do not look like another. */
async function whateverTheName(alice) {
  for (const [sub, shown] of [
    ["<img src=x onerror='hasRun = true'>", "<img src=x onerror='hasRun = true'>"],
    ["\u202Eecila", "[U+202E]ecila"],
    [`${ALICE}\u200B`, `${ALICE}[U+200B]`],
    [`${ALICE} `, `${ALICE}[U+0020]`],
    ["a\u00A0b \n\u2066c", "a[U+00A0]b [U+000A][U+2066]c"],
    ["\u05D0\u05DC\u05D9\u05E1?", "\u05D0\u05DC\u05D9\u05E1?"],
    ["Zoë Ωmega 東京", "Zoë Ωmega 東京"],
  ]) {
    await alice.follow(forge(sub));
    await alice.isAsked();
    const names = alice.page.locator("#ask .ask-new");
    assert.deepEqual(await names.allTextContents(), [shown, shown]);
    assert.equal(await names.locator("*").count(), 0);
    // What a name has for a direction ends with it.
    assert.equal(await names.first().evaluate((name) => getComputedStyle(name).unicodeBidi), "isolate");
    await alice.page.keyboard.press("Escape");
  }
  assert.equal(await alice.page.evaluate(() => window.hasRun), undefined);
}

async function whatIsNoToken(alice) {
  const before = await alice.session();
  for (const [token, why] of [
    ["mallory", /This is no token/],
    ["", /This is no token/],
    ["a.b.c", /This is no token/],
    [forge(MALLORY, 1), /This token has expired/],
    [forge({ name: MALLORY }), /A name has 1 to 180 characters/],
    [forge(""), /A name has 1 to 180 characters/],
  ]) {
    await alice.follow(token);
    await alice.stays(before, why);
  }
  await alice.arrive(forge(MALLORY, 1));
  await alice.stays(before, /This token has expired/);
}

async function aFreshToken(alice) {
  for (const come of ["follow", "arrive"]) {
    const token = await mint(ALICE);
    await alice[come](token);
    await alice.page.waitForFunction((token) => sessionStorage.getItem("tidings.session")?.includes(token), token);
    assert.deepEqual(await alice.isSignedInAs(ALICE), { token });
    await alice.isNotAsked();
  }
}

/** In another tab, or after signing out, there is no session; the browser still knows who had one. */
async function whereSomebodyWas(context, alice, mallorys) {
  const other = await Window.open(context);
  await other.declines(() => other.arrive(mallorys), () => other.page.click("#ask-no"));
  await other.page.locator("#name").waitFor();
  await other.follow(mallorys);
  await other.isAsked();
  assert.match(await other.page.innerText("#ask-text"), new RegExp(`The last user of this browser was ${ALICE}\\.`));
  assert.equal((await other.page.innerText("#ask-no")).trim(), "Do not sign in");
  await other.page.keyboard.press("Escape");
  other.assertInOrder();
  await other.page.close();

  await alice.page.click("#sign-out");
  await alice.page.locator("#name").waitFor();
  await alice.declines(() => alice.follow(mallorys), () => alice.page.keyboard.press("Escape"));
  await alice.declines(() => alice.arrive(mallorys), () => alice.page.keyboard.press("Escape"));
  await alice.arrive(await mint(ALICE));
  await alice.isSignedInAs(ALICE);
  await alice.isNotAsked();
}

/** One tab agrees; the other one's session is its own, and its question too. */
async function twoTabs(context, alice, mallorys) {
  const other = await Window.open(context);
  await other.arrive(mallorys);
  await other.isAsked();
  await alice.follow(mallorys);
  await alice.isAsked();
  await other.page.click("#ask-yes");
  assert.deepEqual(await other.isSignedInAs(MALLORY), { token: mallorys });
  await other.isNotAsked();
  assert.match(await alice.isAsked(), /Sign in as/);
  assert.ok(!alice.used.has(`Bearer ${mallorys}`));
  await alice.page.keyboard.press("Escape");
  await alice.page.reload();
  await alice.isSignedInAs(ALICE);
  // The user that the tab shows counts, and not the last one in the browser.
  await other.page.reload();
  await other.isSignedInAs(MALLORY);
  await alice.follow(mallorys);
  assert.equal(await alice.isAsked(), `Sign in as ${MALLORY}?`);
  await alice.page.click("#ask-yes");
  assert.deepEqual(await alice.isSignedInAs(MALLORY), { token: mallorys });
  for (const window of [alice, other]) window.assertInOrder();
}

await withBrowser(async (browser) => {
  await whereNobodyWas(browser);
  const context = await fresh(browser);
  const alice = await Window.open(context);
  await alice.signIn(ALICE);
  const mallorys = await mint(MALLORY);
  await whereSomebodyIs(alice, mallorys);
  await theQuestion(alice, mallorys);
  await whateverTheName(alice);
  await whatIsNoToken(alice);
  await aFreshToken(alice);
  await whereSomebodyWas(context, alice, mallorys);
  assert.ok(!alice.used.has(`Bearer ${mallorys}`));
  await twoTabs(context, alice, mallorys);
});
