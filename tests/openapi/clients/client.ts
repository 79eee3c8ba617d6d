// Sends with the client for TypeScript that is generated from openapi.yaml, and reads what it has sent.

import { addEndpoint, cancelNotification, getChannel, listEndpoints, readNotifications, sendNotification } from './tidings';
import type { Notification } from './tidings';
import { client } from './tidings/client.gen';

declare const process: { env: Record<string, string> };

client.setConfig({ baseUrl: process.env.TIDINGS_HTTP, auth: process.env.TIDINGS_TOKEN });

function check(isRight: boolean, what: unknown): void {
  if (!isRight) throw new Error(JSON.stringify(what));
}

async function main(): Promise<void> {
  const hello: Notification = {
    to: ['topic:typescript', 'user:typescript'],
    title: 'Hello',
    data: { n: [1, 2.5] },
    priority: 'high',
  };
  const headers = { 'Idempotency-Key': 'typescript-1' };
  const sent = await sendNotification({ body: hello, headers, throwOnError: true });
  const again = await sendNotification({ body: hello, headers, throwOnError: true });
  check(sent.data.state === 'sent' && sent.data.channels.every((place) => place.seq === 1), sent.data);
  check(again.data.id === sent.data.id, again.data);

  const cursors = ['topic:typescript:0', 'user:typescript:0'];
  const read = await readNotifications({ query: { channel: cursors }, throwOnError: true });
  for (const { items } of read.data.channels) {
    const [item] = items;
    if (items.length !== 1 || 'unreadable' in item) throw new Error(JSON.stringify(items));
    check(item.id === sent.data.id && item.title === 'Hello', items);
    check(JSON.stringify(item.data) === JSON.stringify(hello.data), item);
  }
  const channel = await getChannel({ path: { channel: 'user:typescript' }, throwOnError: true });
  check(channel.data.unread === 1, channel.data);

  const body: Notification = { to: 'topic:typescript', body: 'Later', delay: '1d' };
  const later = await sendNotification({ body, throwOnError: true });
  check(later.data.state === 'scheduled' && later.data.deliver_at !== undefined, later.data);
  const cancelled = await cancelNotification({ path: { id: later.data.id }, throwOnError: true });
  check(cancelled.data.state === 'cancelled', cancelled.data);

  const path = { channel: 'topic:typescript' };
  const added = await addEndpoint({ path, body: { kind: 'sms', phone: '+4915112345678' }, throwOnError: true });
  const listed = await listEndpoints({ path, throwOnError: true });
  check(listed.data.endpoints.map((endpoint) => endpoint.id).join() === added.data.id, listed.data);

  const refused = await sendNotification({ body: { to: 'nowhere', title: 'Hello' } });
  check(refused.response?.status === 400, refused.response?.status);
  const { error } = refused;
  check(error !== undefined && 'code' in error && error.code === 'invalid_request' && error.field === 'to', error);
}

void main();
