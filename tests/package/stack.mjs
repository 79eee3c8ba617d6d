// A local stack, and what an application does there.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { ROOT, run } from "./command.mjs";

const BINARIES = new URL("target/debug/", ROOT);
const SECRET = "the secret of the tests of the package";
/** Where the READMEs' examples look for a stack. */
const USUAL = { "http://127.0.0.1:3000": "http", "ws://127.0.0.1:3001": "websocket" };

export class Stack {
  static async start() {
    const ports = ["--http-port", "--websocket-port", "--aws-port"].flatMap((port) => [port, "0"]);
    const words = ["--json", "--no-build", ...ports, "--parameter", `LocalTokenSecret=${SECRET}`];
    const stack = new Stack();
    stack.process = spawn(new URL("tidings-local", BINARIES).pathname, words, { stdio: ["ignore", "pipe", "ignore"] });
    process.once("exit", () => stack.process.kill());
    const { value } = await createInterface({ input: stack.process.stdout })[Symbol.asyncIterator]().next();
    if (!value) throw new Error("the local stack does not start");
    stack.urls = JSON.parse(value);
    return stack;
  }

  async stop() {
    this.process.kill();
    if (this.process.exitCode === null) await once(this.process, "exit");
  }

  /** As the READMEs have it made. */
  async token(...words) {
    const env = { ...process.env, TIDINGS_SECRET: SECRET, TIDINGS_HTTP: this.urls.http };
    return (await run(new URL("tidings", BINARIES).pathname, ["token", ...words], { env })).trim();
  }

  /** From where the examples look for a stack to where this one is. */
  routes() {
    return Object.entries(USUAL).map(([from, name]) => [from, this.urls[name]]);
  }
}
