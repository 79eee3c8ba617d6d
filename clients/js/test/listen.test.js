import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { QUICK, until, withStack } from "./listener.js";

const PROGRAM = fileURLToPath(new URL("listen.mjs", import.meta.url));

for (const transport of ["auto", "long-poll", "poll"]) {
  test(`the program prints the events over ${transport}, until its input ends`, withStack(async ({ stack }) => {
    const child = spawn(process.execPath, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    const events = [];
    createInterface({ input: child.stdout }).on("line", (line) => events.push(JSON.parse(line)));
    stack.append("topic:a", 3);
    stack.append("user:alice", 2);
    const channels = { "topic:a": 1, "user:alice": null, "topic:b": 41 };
    const options = { ...stack.urls, token: "token", transport, pollInterval: 50, channels, timing: QUICK };
    child.stdin.write(`${JSON.stringify(options)}\n`);
    const of = (kind) => events.filter(({ event }) => event === kind);
    await until(() => of("loaded").length === 3, () => events);
    stack.send("topic:a");
    await until(() => of("notification").length === 5, () => events);
    const seqs = (channel) => of("notification").filter((event) => event.channel === channel).map(({ seq }) => seq);
    assert.deepEqual([seqs("topic:a"), seqs("user:alice")], [[2, 3, 4], [1, 2]]);
    assert.deepEqual(of("gap"), [{ event: "gap", channel: "topic:b", after: 41, seq: 0, reset: true }]);
    assert.deepEqual(of("unread"), [{ event: "unread", channel: "user:alice", count: 2 }]);
    child.stdin.end();
    const [code] = await once(child, "exit");
    assert.equal(code, 0);
    const states = of("state").map(({ state }) => state);
    assert.deepEqual(states, ["connecting", transport === "auto" ? "live" : "polling", "closed"]);
  }));
}
