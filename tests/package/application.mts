// What clients/js/README.md says that there is, as an application in TypeScript has it. It is compiled, and not run.

import { Tidings, TidingsError } from "tidings";
import type { CursorStorage, Gap, Notification, Options, State, SubscribeOptions, Subscription } from "tidings";
import { Sender } from "tidings/send";
import type { Endpoint, Scheduled, Sent } from "tidings/send";

declare const storage: CursorStorage;

const options: Options = {
  http: "https://example.com",
  websocket: "wss://example.com/dev",
  token: async () => "token",
  ticket: () => "ticket",
  transport: "long-poll",
  pollInterval: 5_000,
  storage,
  scope: "alice",
  onState: (state: State) => void state,
  onError: ({ code, detail, status, channel }: TidingsError) => void [code, detail, status, channel],
  fetch: globalThis.fetch,
  timing: { ping: [30_000, 300_000], poll: 20_000 },
};

const tidings: Tidings = new Tidings(options);
const channel: SubscribeOptions = {
  after: 7,
  onNotification: async ({ channel, seq, id, sent_at, title, data }: Notification) => void [channel, seq, id, sent_at, title, data],
  onGap: ({ after, seq, reset }: Gap) => after + seq + Number(reset),
  onUnread: (count) => count + 1,
  onLoaded: () => {},
};
const subscription: Subscription = tidings.subscribe("user:alice", channel);
await subscription.read();
await subscription.read(subscription.seq);
const unread: number | undefined = subscription.unread;
void unread;
subscription.unsubscribe();
tidings.close();

const sender = new Sender({ http: "https://example.com", token: "token" });
const sent: Sent = await sender.send({ to: ["user:alice"], data: { n: 1 } }, { key: "order-7", signal: AbortSignal.timeout(1_000) });
const later: Sent = await sender.schedule({ to: "user:alice", title: "Weekly", repeat: "0 9 * * MON", time_zone: "Europe/Paris" });
const scheduled: Scheduled = await sender.look(later.id);
await sender.cancel(scheduled.id);
const { seq, connections, endpoints, unread: left } = await sender.channel("user:alice");
void [sent.channels[0]?.seq, seq, connections, endpoints, left];
const webhooks = sender.endpoints("user:alice");
const endpoint: Endpoint = await webhooks.add({ kind: "webhook", url: "https://example.com/hook", min_priority: "high" });
await webhooks.replay(endpoint.id, 1);
await webhooks.rotate(endpoint.id);
await webhooks.look(endpoint.id);
await webhooks.remove(endpoint.id);
await webhooks.list();

try {
  await subscription.read();
} catch (error) {
  if (error instanceof TidingsError && error.retryAfter !== undefined) console.log(error.retryAfter + 1);
}
// @ts-expect-error There is no such transport.
new Tidings({ http: "", token: "", transport: "pigeon" });
// @ts-expect-error It has to be sent to somebody.
await sender.send({ title: "Hello" });
