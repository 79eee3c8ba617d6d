// Neither the page nor the client follows a redirect, and both say so. The browser does not tell them more than that.

import assert from "node:assert/strict";
import { withBrowser } from "./browser.mjs";
import { Visitor } from "./visitor.mjs";

const NAME = "alice-who-is-sent-elsewhere";
const ELSEWHERE = "/assets/icon.svg?elsewhere";

/** The error that the client reports to its application; called in the page. */
async function told() {
  const { Tidings } = await import("/assets/tidings.js");
  return new Promise((resolve) => {
    const onError = ({ code, detail, status }) => resolve({ code, detail, status });
    const tidings = new Tidings({ http: location.origin, token: "token", onError });
    tidings.subscribe("topic:news", { onNotification: () => {} });
  });
}

await withBrowser(async (browser) => {
  const alice = await Visitor.signedIn(browser, NAME);
  const { page } = alice;
  const called = [];
  page.on("request", (request) => called.push(request.url()));
  await page.route("**/v1/**", (route) => route.fulfill({ status: 307, headers: { location: ELSEWHERE } }));

  await alice.send({ title: "Redirected" }, "refused");
  assert.match(await page.textContent("#outcome"), /^Not sent: The server redirects calls elsewhere/);
  assert.deepEqual(await page.evaluate(told), {
    code: "redirected",
    detail: "`http` redirects: give the API's own address",
    status: 0,
  });
  await page.reload();
  await page.locator("#notice", { hasText: "Open it at the stack's own address." }).waitFor();
  assert.ok(called.some((url) => url.includes("/v1/")));
  assert.deepEqual(called.filter((url) => url.endsWith(ELSEWHERE)), []);
  alice.assertInOrder();
});
