// The form that sends, now or later.

import { byId, element, mark } from "./element.js";
import { inFull } from "./time.js";

const TRIES = 5;
/** Fields that go into the request as they are, where they are filled in. */
const PLAIN = ["title", "body", "url", "ttl", "priority"];

export class SendForm {
  #api;
  #scheduled;
  #form = byId("send");
  #outcome = byId("outcome");
  /** The request under way, and its key: until it is answered, the same request goes under the same key. */
  #pending;

  constructor({ api, session, scheduled }) {
    this.#api = api;
    this.#scheduled = scheduled;
    const { to, time_zone } = this.#form.elements;
    to.value = session.inbox;
    time_zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const maySend = session.publish.length > 0;
    byId("may-not-send").hidden = maySend;
    this.#form.hidden = byId("try").hidden = !maySend;
    this.#form.elements.when.addEventListener("change", () => this.#showWhen());
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  #showWhen() {
    const { when, deliver_at } = this.#form.elements;
    for (const part of this.#form.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== when.value;
    if (when.value === "deliver_at" && deliver_at.value === "") deliver_at.value = localTime(Date.now() + 5 * 60_000);
  }

  async #submit() {
    if (this.#form.getAttribute("aria-busy") === "true") return;
    for (const field of this.#form.querySelectorAll("[aria-invalid=true]")) mark(field);
    const request = this.#request();
    if (request === undefined) return;
    const body = JSON.stringify(request);
    if (this.#pending?.body !== body) this.#pending = { body, key: crypto.randomUUID() };
    this.#busy(true);
    try {
      const onWait = (problem, seconds) =>
        this.#say("waiting", `${problem.message} Trying again in ${Math.ceil(seconds)} s …`);
      this.#done(request, await this.#api.insist("POST", "/v1/notifications", this.#pending, { tries: TRIES, onWait }));
    } catch (problem) {
      this.#refused(problem);
    }
    this.#busy(false);
  }

  /** The form as a request, or nothing where a field needs another look. */
  #request() {
    const value = (name) => this.#form.elements[name].value.trim();
    const to = value("to").split(/[\s,]+/).filter(Boolean);
    const request = { to: to.length === 1 ? to[0] : to };
    for (const name of PLAIN) if (value(name) !== "") request[name] = value(name);
    if (value("repeat") !== "") {
      request.repeat = value("repeat");
      if (value("time_zone") !== "") request.time_zone = value("time_zone");
    }
    try {
      if (value("data") !== "") request.data = JSON.parse(value("data"));
    } catch (error) {
      return this.#wrong("data", `This is no JSON: ${error.message}`);
    }
    const when = value("when");
    if (when === "deliver_at") {
      const moment = new Date(value("deliver_at"));
      if (Number.isNaN(moment.getTime())) return this.#wrong("deliver_at", "Give a date and a time.");
      request.deliver_at = moment.toISOString();
    } else if (when !== "now") {
      request.delay = when === "delay" ? value("delay") : when;
    }
    return request;
  }

  #done(request, { id, state, deliver_at, channels }) {
    this.#pending = undefined;
    if (state === "sent") {
      this.#say("sent", `Sent as ${channels.map(place).join(", ")}.`, id);
    } else {
      this.#say(state, `${request.repeat ? "Repeating, first on" : "Scheduled for"} ${inFull(deliver_at)}.`, id);
      const { to, title, body, repeat } = request;
      this.#scheduled.add({ id, to: [to].flat().join(", "), title: title ?? body ?? "Data", repeat });
    }
    for (const name of ["title", "body", "data", "url", "repeat"]) this.#form.elements[name].value = "";
  }

  #refused(problem) {
    if (problem.passes) {
      const advice = "It may have been sent or not. Press Send again: it is not sent twice.";
      return this.#say("unknown", `${problem.message} ${advice}`);
    }
    this.#pending = undefined;
    // `to[1]` is in the field `to`. An error in a field that the form lacks is shown below the form.
    const name = problem.field?.replace(/\W.*/, "");
    if (name && this.#form.elements[name]) return this.#wrong(name, problem.message.replace(/^`[^`]*`: /, ""));
    this.#say("refused", `Not sent: ${problem.message}`);
  }

  #wrong(name, text) {
    // With a span chosen from the list there is no field for it to stand below.
    const field = this.#form.elements[name];
    mark(field.closest("[hidden]") ? this.#form.elements.when : field, text);
    this.#say("refused", "Not sent yet: one field needs another look.");
  }

  #say(state, text, id) {
    this.#outcome.dataset.state = state;
    this.#outcome.replaceChildren(text);
    if (id !== undefined) this.#outcome.append(" ", element("code", {}, id));
  }

  #busy(is) {
    this.#form.setAttribute("aria-busy", is);
    this.#form.querySelector("button.main").textContent = is ? "Sending …" : "Send";
    if (is) this.#say("sending", "");
  }
}

function place({ channel, seq, connections }) {
  const reached = connections === 1 ? "1 live connection" : `${connections} live connections`;
  return seq === undefined ? `${channel} to ${reached}` : `${channel} #${seq} to ${reached}`;
}

/** A moment as a field for local time takes it. */
function localTime(moment) {
  const shifted = moment - new Date(moment).getTimezoneOffset() * 60_000;
  return new Date(shifted).toISOString().slice(0, 19);
}
