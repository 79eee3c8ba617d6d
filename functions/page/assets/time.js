// Times as people say them, kept up to date while they are on the page.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

// The page speaks English; dates are written as the reader is used to.
const relative = new Intl.RelativeTimeFormat("en");
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "numeric",
  minute: "2-digit",
});

/** "5 minutes ago", "in 9 seconds", and beyond a day the date. */
export function say(moment, now = Date.now()) {
  const distance = moment - now;
  if (distance <= 0 && distance > -MINUTE) return "just now";
  const seconds = Math.ceil(distance / SECOND);
  if (Math.abs(seconds) < 60) return relative.format(seconds, "second");
  const minutes = Math.round(distance / MINUTE);
  if (Math.abs(minutes) < 60) return relative.format(minutes, "minute");
  const hours = Math.round(distance / HOUR);
  return Math.abs(hours) < 24 ? relative.format(hours, "hour") : short.format(moment);
}

/** The moment in full. */
export const inFull = (iso) => absolute.format(new Date(iso));

/** A `<time>` that `tick` keeps up to date. */
export function timeElement(iso) {
  const time = document.createElement("time");
  setTime(time, iso);
  return time;
}

/** Has a `<time>` say another moment. */
export function setTime(time, iso) {
  time.dateTime = iso;
  time.title = inFull(iso);
  time.textContent = say(Date.parse(iso));
}

/** Brings every `<time>` of the page up to date. */
export function tick() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time")) {
    const text = say(Date.parse(time.dateTime), now);
    if (time.textContent !== text) time.textContent = text;
  }
}
