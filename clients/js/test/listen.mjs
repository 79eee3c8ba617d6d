// Listens to channels until standard input ends, and prints a line of JSON for each event. The first line on standard input
// has the options: {http, websocket, token, transport, pollInterval, channels: {"topic:a": 0, "topic:b": null}, timing}.
// A channel's number is the seq to begin behind; `null` begins with the newest. Needs `npm run build`.

import { createInterface } from "node:readline";
import { Tidings } from "../dist/tidings.js";

const print = (event, more) => console.log(JSON.stringify({ event, ...more }));
const WebSocket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

const input = createInterface({ input: process.stdin });
const { channels, ...options } = JSON.parse((await input[Symbol.asyncIterator]().next()).value);

const tidings = new Tidings({
  ...options,
  WebSocket,
  onState: (state) => print("state", { state }),
  onError: ({ code, detail, status, channel }) => print("error", { code, detail, status, channel }),
});
for (const [channel, after] of Object.entries(channels)) {
  tidings.subscribe(channel, {
    ...(after !== null && { after }),
    onNotification: ({ seq }) => print("notification", { channel, seq }),
    onGap: (gap) => print("gap", { channel, ...gap }),
    onUnread: (count) => print("unread", { channel, count }),
    onLoaded: () => print("loaded", { channel }),
  });
}
input.on("close", () => tidings.close());
