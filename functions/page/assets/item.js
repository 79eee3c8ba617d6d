// One notification in the list.

import { element } from "./element.js";
import { timeElement } from "./time.js";

/** The list item of a notification; `isOwn`: it is in the reader's own inbox, which needs no naming. */
export function itemElement(notification, isOwn) {
  const { id, seq, channel, sent_at, title, body, url, data, priority, collapse_key } = notification;
  const facts = element(
    "p",
    { class: "facts" },
    element("span", { class: "new" }, "New"),
    priority === "high" ? element("span", { class: "high" }, "High priority") : undefined,
    isOwn ? undefined : element("span", { class: "of" }, channel),
    timeElement(sent_at),
    element("span", {}, seq === undefined ? "not stored" : `#${seq}`),
  );
  const text = body ? element("p", { class: "text" }, body) : undefined;
  return element(
    "li",
    { class: "item", "data-id": id, "data-seq": seq, "data-channel": channel, "data-key": collapse_key },
    element("div", { class: "top" }, title ? element("h3", {}, title) : text, facts),
    title ? text : undefined,
    url ? element("p", { class: "text" }, link(url)) : undefined,
    data === undefined ? undefined : dataElement(data),
  );
}

/** Only addresses of the web can be clicked: `javascript:` and its like stay text. */
function link(url) {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!["http:", "https:"].includes(parsed?.protocol)) return url;
  return element("a", { href: parsed.href, target: "_blank", rel: "noopener noreferrer" }, url);
}

function dataElement(data) {
  const text = JSON.stringify(data, null, 2);
  // It scrolls where it is long, so the keyboard has to reach it.
  return element("pre", { tabindex: 0, role: "group", "aria-label": "Data" }, text);
}
