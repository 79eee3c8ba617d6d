// The service worker: shows what comes while no page is open. The browser starts it for each push, and for a click.

const PAGE = new URL("..", location.href).href;

self.addEventListener("push", (event) => event.waitUntil(pushed(event.data)));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(follow(event.notification.data.url));
});

async function pushed(data) {
  const message = parsed(data);
  await Promise.all([show(message), count(message.unread)]);
}

/** What cannot be read is shown as something: browsers end the subscription of who takes a push and shows nothing. */
function parsed(data) {
  try {
    return data.json();
  } catch {
    return {};
  }
}

async function show({ channel = "Tidings", seq, id = "tidings", sent_at, title, body, url, priority, collapse_key }) {
  const tag = collapse_key === undefined ? id : `${channel} ${collapse_key}`;
  // Pushes may overtake one another: of those with one key the newest stays.
  const others = await registration.getNotifications({ tag });
  if (collapse_key !== undefined && others.some(({ data }) => data.seq > seq)) return;
  await registration.showNotification(title ?? body ?? `New in ${channel}`, {
    body: title === undefined ? undefined : body,
    tag,
    // One that replaces another is news too; the same one once more is not.
    renotify: others.some(({ data }) => data.seq !== seq),
    silent: priority === "low",
    requireInteraction: priority === "high",
    timestamp: sent_at === undefined ? undefined : Date.parse(sent_at),
    data: { url, channel, seq },
  });
}

/** The number on the application's icon, where there is one. */
async function count(unread) {
  if (unread !== undefined) await navigator.setAppBadge?.(unread).catch(() => {});
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
