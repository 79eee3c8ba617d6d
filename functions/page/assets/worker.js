// The service worker: shows what comes while no page is open. The browser starts it for each push, and for a click.

const PAGE = new URL("..", location.href).href;

self.addEventListener("push", (event) => event.waitUntil(pushed(event.data)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renew(event)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(follow(event.notification.data.url));
});

async function pushed(data) {
  const shown = await show(parsed(data));
  await count(shown.unread);
}

/**
 * A message that is missing or cannot be read is still shown as something: browsers end a subscription whose worker takes a
 * push and shows nothing.
 */
function parsed(data) {
  try {
    return Object(data.json());
  } catch {
    return {};
  }
}

/**
 * Shows a message, and gives the one that is shown: pushes may overtake one another, and of those with one key the newest
 * stays. It is shown again then, without a sound, since each push has to show something.
 */
async function show(message) {
  const { channel = "Tidings", id = "tidings", collapse_key } = message;
  const tag = collapse_key === undefined ? id : `${channel} ${collapse_key}`;
  const others = (await registration.getNotifications({ tag })).map(({ data }) => data ?? {});
  const newer = collapse_key === undefined ? undefined : others.find(({ seq }) => seq > message.seq);
  const shown = newer ? (newer.message ?? message) : message;
  const { seq, sent_at, title, body, url, priority } = shown;
  await registration.showNotification(title ?? body ?? `New in ${channel}`, {
    body: title === undefined ? undefined : body,
    tag,
    // One that replaces another is news too; the same one once more is not.
    renotify: others.some((other) => other.seq !== seq),
    silent: priority === "low" || newer !== undefined,
    requireInteraction: priority === "high",
    timestamp: sent_at === undefined ? undefined : Date.parse(sent_at),
    data: { url, channel, seq, message: shown },
  });
  return shown;
}

/** The number on the application's icon, where there is one. */
async function count(unread) {
  if (unread !== undefined) await navigator.setAppBadge?.(unread).catch(() => {});
}

/**
 * The browser has ended its subscription, or has made another. The worker has no token: it subscribes again, and pages that are
 * open tell the server. Where none is open, the next one does when it is loaded.
 */
async function renew({ oldSubscription, newSubscription }) {
  const applicationServerKey = oldSubscription?.options.applicationServerKey;
  if (!newSubscription && applicationServerKey) {
    // Where the user has withdrawn the permission it fails, and the page says so.
    await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }).catch(() => {});
  }
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const window of windows) window.postMessage("pushsubscriptionchange");
}

/** Leads where the notification does, else to the page: to a window that is there already, if any. */
async function follow(url) {
  const target = isOfTheWeb(url) ? url : PAGE;
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const open = windows.find((window) => window.url.replace(/#.*/, "") === target);
  return open ? open.focus() : clients.openWindow(target);
}

/** Only addresses of the web are opened: `javascript:` and its like are not. */
function isOfTheWeb(url) {
  return URL.canParse(url) && ["http:", "https:"].includes(new URL(url).protocol);
}
