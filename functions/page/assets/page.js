// The page: signs somebody in, and puts the parts together.

import { Api } from "./api.js";
import { mayReplace } from "./ask.js";
import { Channels } from "./channels.js";
import { byId, mark, readable } from "./element.js";
import { Push } from "./push.js";
import { Scheduled } from "./scheduled.js";
import { SendForm } from "./send.js";
import { byName, byToken, canMint, forget, lastUser, linked, restored } from "./session.js";
import { Tidings } from "./tidings.js";
import { tick } from "./time.js";

/** The HTTP API, which has served this file as `…/assets/page.js`. */
const BASE = new URL("..", import.meta.url).href.replace(/\/$/, "");
const STATES = { live: "Live", polling: "Polling", connecting: "Connecting", offline: "Offline", closed: "Offline" };

/** The session that this window shows. */
let current;

/** Tells what needs to be known now; the reader dismisses it. */
function tell(text) {
  const notice = byId("notice");
  notice.querySelector("p").textContent = text;
  notice.hidden = false;
}

function dismiss() {
  byId("notice").hidden = true;
  byId("inbox").focus();
}

function signOut() {
  forget();
  // A fresh page has nothing of the last one's in it.
  location.reload();
}

/** Shows how the connection stands. */
function showState(state) {
  byId("state").textContent = STATES[state];
  byId("state").parentElement.dataset.state = state;
}

function showDoor() {
  byId("door").hidden = false;
  offer(canMint ? "sign-in-name" : "sign-in-token");
  byId("or-token").hidden = !canMint;
  byId("or-token").addEventListener("click", () => {
    byId("or-token").hidden = true;
    byId("sign-in-name").hidden = true;
    offer("sign-in-token");
  });
  onSignIn("sign-in-name", "name", byName);
  onSignIn("sign-in-token", "token", byToken);
}

function offer(form) {
  byId(form).hidden = false;
  byId(form).querySelector("input").focus();
}

function onSignIn(form, field, open) {
  byId(form).addEventListener("submit", (event) => {
    event.preventDefault();
    const input = event.target.elements[field];
    try {
      start(open(input.value.trim()));
      byId("door").hidden = true;
      byId("inbox").focus();
    } catch (error) {
      mark(input, error.message);
    }
  });
}

function start(session) {
  session.remember();
  current = session;
  for (const id of ["app", "who", "nav", "skip"]) byId(id).hidden = false;
  byId("sub").textContent = readable(session.user);
  session.onRefused = (detail) => {
    tell(`You are signed out: ${detail}`);
    // An open socket goes on until its own token ends.
    if (byId("state").parentElement.dataset.state !== "live") showState("offline");
    byId("notice-sign-in").hidden = false;
  };
  const tidings = new Tidings({
    http: BASE,
    websocket: document.querySelector('meta[name="tidings-websocket-url"]').content,
    token: () => session.token(),
    onState: showState,
    onError: (error) => (error.status === 401 ? session.refused(error.detail) : tell(explained(error))),
  });
  const api = new Api(BASE, session);
  const scheduled = new Scheduled({ api, session });
  new SendForm({ api, session, scheduled });
  new Channels({ api, tidings, session, tell }).start();
  scheduled.start();
  new Push({ api, session }).start();
  setInterval(tick, 1000);
}

/** Shows the session of the link that has led here, or of the tab, else how to sign in. */
function begin() {
  const [tab, link] = [restoredOrTold(), linkedOrTold()];
  if (link !== undefined && !isSomebodyElse(link, tab)) {
    byId("notice").hidden = true;
    return start(link);
  }
  if (tab === undefined) showDoor();
  else start(tab);
  follow(link);
}

/** Signs in by a link; where somebody else is or was signed in, only once the reader agrees. Until then nothing changes. */
async function follow(link) {
  if (link === undefined) return;
  if (isSomebodyElse(link, current) && !(await mayReplace(link.user, current?.user, lastUser()))) return;
  link.remember();
  // A fresh page has nothing of the last session in it.
  location.reload();
}

function isSomebodyElse({ user }, session) {
  const known = session?.user ?? lastUser();
  return known !== undefined && known !== user;
}

function linkedOrTold() {
  try {
    return linked();
  } catch (error) {
    tell(`The link signs nobody in. ${error.message}`);
  }
}

function restoredOrTold() {
  try {
    return restored();
  } catch (error) {
    forget();
    tell(error.message);
  }
}

const explained = ({ channel, detail }) => (channel ? `${channel}: ${detail}` : detail);

byId("sign-out").addEventListener("click", signOut);
byId("notice-sign-in").addEventListener("click", signOut);
byId("notice-dismiss").addEventListener("click", dismiss);
// A link with a token, followed while the page is open.
addEventListener("hashchange", () => follow(linkedOrTold()));
begin();
