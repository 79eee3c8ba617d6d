// Asks before a link signs somebody in where somebody else is or was: such links come from anybody.

import { byId, readable } from "./element.js";

/** Answers the question that waits, if one does, with no. */
let withdraw = () => {};

/**
 * Asks whether to sign in as `user` instead of `current` or, where nobody is signed in, though `last` was. Only the button says
 * yes: Escape does not, nor does another link, which brings another question.
 */
export function mayReplace(user, current, last) {
  withdraw();
  const dialog = byId("ask");
  fill(dialog, user, current, last);
  return new Promise((resolve) => {
    const waiting = new AbortController();
    const answer = (isYes) => {
      waiting.abort();
      dialog.close();
      resolve(isYes);
    };
    const on = (element, event, then) => element.addEventListener(event, then, { signal: waiting.signal });
    withdraw = () => answer(false);
    on(byId("ask-yes"), "click", () => answer(true));
    on(byId("ask-no"), "click", () => answer(false));
    // The event of a question that was withdrawn comes when this one is open.
    on(dialog, "close", () => dialog.open || answer(false));
    dialog.showModal();
    byId("ask-no").focus();
  });
}

function fill(dialog, user, current, last) {
  for (const place of dialog.querySelectorAll(".ask-new")) place.textContent = readable(user);
  for (const place of dialog.querySelectorAll(".ask-old")) place.textContent = readable(current ?? last);
  byId("ask-current").hidden = byId("ask-stay").hidden = current === undefined;
  byId("ask-last").hidden = byId("ask-not").hidden = current !== undefined;
}
