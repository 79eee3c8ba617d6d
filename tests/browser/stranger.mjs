// A page of another origin, whose name leads to this machine, tries to use the local stack of its visitor.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { withBrowser } from "./browser.mjs";
import { given, said, tidings } from "./stack.mjs";

const NAME = "evil.test";

/** A page on a port of this machine; it has nothing on it. */
async function serve() {
  const server = createServer((request, response) => response.end("<!doctype html><title>Cats</title>"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return server.address().port;
}

/** The part of a call's answer that a page can read: its status and text; "opaque", where it can read nothing; or that the call failed. */
async function call(page, url, request = {}) {
  return page.evaluate(
    async ([url, request]) => {
      try {
        const answer = await fetch(url, request);
        return answer.type === "opaque" ? "opaque" : [answer.status, await answer.text()];
      } catch (error) {
        return error.name;
      }
    },
    [url, request],
  );
}

const control = async (path) => (await fetch(`${given.aws}/_local/${path}`)).json();

/** Nothing that this page sends has an effect, or an answer that it can read. */
async function tries(page) {
  const fault = JSON.stringify({ on: "invoke.Poll", do: { kill: true } });
  for (const request of [
    { method: "POST", mode: "no-cors", body: fault },
    { method: "POST", body: fault },
    { method: "POST", body: fault, headers: { "x-tidings-local": "1" } },
    { method: "POST", body: fault, headers: { "content-type": "application/json" } },
  ]) {
    assert.notEqual((await call(page, `${given.aws}/_local/faults`, request))[0], 201);
  }
  await call(page, `${given.aws}/_local/schedules/SweepRule/disable`, { method: "POST", mode: "no-cors" });
  await call(page, `${given.aws}/_local/outbox`, { method: "DELETE" });
  const target = { method: "POST", headers: { "x-amz-target": "secretsmanager.GetSecretValue" }, body: "{}" };
  for (const [url, request] of [
    [`${given.http}/`],
    [`${given.http}/v1/health`],
    [`${given.http}/v1/notifications?channel=user:alice`, { headers: { authorization: "Bearer x" } }],
    [`${given.aws}/`, target],
    [`${given.aws}/_local/processes`],
    [`${given.aws}/_local/outbox`],
  ]) {
    assert.equal(await call(page, url, request), "TypeError", url);
  }
  assert.deepEqual(await control("faults"), []);
  assert.deepEqual(await control("schedules"), [{ ...(await control("schedules"))[0], state: "ENABLED" }]);
}

/** By a name of its own for the stack's address, a page is of the same origin as the stack, and reads whatever it answers. */
async function rebinds(browser) {
  for (const address of [given.http, given.aws]) {
    const page = await browser.newPage();
    const url = `http://rebound.test:${new URL(address).port}/`;
    const [status, text] = [(await page.goto(url)).status(), await page.textContent("body")];
    assert.equal(status, 403, text);
    assert.match(text, /answers only to localhost/);
    assert.equal((await call(page, `${url}_local/processes`))[0], 403);
    await page.close();
  }
}

const port = await serve();
const flags = [`--host-resolver-rules=MAP ${NAME} 127.0.0.1,MAP rebound.test 127.0.0.1`];
await withBrowser(async (browser) => {
  said(await tidings("send", "user:alice", "--title", "For Alice alone"));
  // Another name, and another port of this machine.
  for (const host of [NAME, "localhost"]) {
    const page = await browser.newPage();
    await page.goto(`http://${host}:${port}/`);
    if (host === NAME) await tries(page);
    assert.equal(await call(page, `${given.http}/`), "TypeError", "the page with the secret is for nobody's script");
    assert.equal(await call(page, `${given.aws}/_local/calls`), "TypeError");
    await page.close();
  }
  await rebinds(browser);
}, flags);
