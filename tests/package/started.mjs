// An example that runs, with what it prints.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { node } from "./command.mjs";

/** Longer than anything takes that works. */
export const PATIENCE = 60_000;
const REROUTE = new URL("../browser/reroute.mjs", import.meta.url).href;

export class Started {
  #lines;

  /** Starts a file of the application in a version of Node. */
  constructor(application, version, name, stack, token) {
    const ports = stack.routes().map(([from, to]) => [new URL(from).port, new URL(to).port]);
    const env = { ...process.env, REROUTED_PORTS: JSON.stringify(Object.fromEntries(ports)) };
    const words = ["--import", REROUTE, name, token];
    this.process = spawn(node(version), words, { cwd: application.folder, env, stdio: ["ignore", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
    this.timer = setTimeout(() => this.process.kill(), PATIENCE);
  }

  /** Waits for a line. */
  async prints(line) {
    for (let other; (other = await this.#lines.next()).value !== line; ) {
      if (other.done) throw new Error(`it ended, or took too long, and did not print: ${line}`);
    }
  }

  /** Waits for the end; returns all that it printed. */
  async ends() {
    let text = "";
    for (let line; !(line = await this.#lines.next()).done; ) text += `${line.value}\n`;
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
    clearTimeout(this.timer);
    if (this.process.exitCode !== 0) throw new Error(`it ended with ${this.process.exitCode ?? this.process.signalCode}:\n${text}`);
    return text;
  }

  stop() {
    clearTimeout(this.timer);
    this.process.kill();
  }
}
