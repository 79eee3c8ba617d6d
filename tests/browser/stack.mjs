// The stack under test, and the test that runs these scripts: `tests/wire/browser.rs`. It gives a line of JSON as the first
// argument. A script prints orders and questions on standard output, a line of JSON each, and the test reports on standard
// input when it has carried one out.

import { execFile } from "node:child_process";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

/** Where things are: `http` and `websocket`, a `proxy` of the latter, and the files `tidings`, `chromium` and so on. */
export const given = JSON.parse(process.argv[2]);

const input = createInterface({ input: process.stdin });
const answers = input[Symbol.asyncIterator]();
const print = (line) => console.log(JSON.stringify(line));

/** Has the stack killed and started again ("restart"), or its proxy "block" or "unblock" sockets. */
export async function ask(what) {
  print({ ask: what });
  await answers.next();
}

/** No log of the stack may have this text. Returns it. */
export function said(text) {
  print({ said: text });
  return text;
}

/** Says what a reader of a passing test's log is to see. */
export const tell = (line) => print({ tell: line });

/** Nothing will be asked any more. */
export const leave = () => input.close();

/** Runs the program `tidings`, and returns what it prints. */
export async function tidings(command, ...words) {
  for (const word of words) if (!word.startsWith("--")) said(word);
  const { stdout } = await promisify(execFile)(given.tidings, [command, ...words]);
  return stdout.trim();
}
