// Notifications of the browser itself, for when no page is open (Web Push): switched on and off, and how that stands.

import { byId } from "./element.js";
import { base64url } from "./session.js";

/** Under this name the browser keeps where the user is notified, as long as they are. */
const KEPT = "push";
/** The public key of this stack's pushes; empty where it pushes to no browsers. */
const KEY = document.querySelector('meta[name="tidings-vapid-public-key"]').content;
/** Its scope is `assets/`: it has pushes to show, and no business with what the page loads. */
const WORKER = new URL("worker.js", import.meta.url).href;
const SCOPE = new URL(".", import.meta.url).href;
/** The page's content security policy lets no other text become a script's address (Trusted Types). */
const SCRIPTS = globalThis.trustedTypes?.createPolicy("tidings-worker", { createScriptURL: () => WORKER });
const TRIES = 4;

const ON = "On in this browser until you switch it off, also after you sign out.";
const OFF = "Off in this browser.";
const BLOCKED = "Your browser blocks notifications of this page; its settings for the page allow them.";

export class Push {
  #api;
  #session;
  #path;
  #button = byId("push-switch");
  #note = byId("push-note");

  constructor({ api, session }) {
    this.#api = api;
    this.#session = session;
    this.#path = `/v1/channels/${encodeURIComponent(session.inbox)}/endpoints`;
  }

  /** Shows how it stands, if this stack pushes to browsers. */
  async start() {
    if (KEY === "") return;
    byId("push").hidden = false;
    const obstacle = whyNot();
    this.#button.disabled = obstacle !== undefined;
    if (obstacle !== undefined) return this.#show(false, obstacle);
    this.#button.addEventListener("click", () => this.#toggle());
    if (Notification.permission === "denied") return this.#show(false, BLOCKED);
    navigator.serviceWorker.addEventListener("message", () => this.#busy(() => this.#renewed()));
    await this.#busy(() => this.#renewed());
  }

  /** Whether it is on. Who has switched it on is notified again where the browser has made another subscription since. */
  async #renewed() {
    const [subscription, former] = [await subscribed(), this.#session.kept(KEPT, null)];
    if (await this.#isOn(subscription)) {
      this.#session.keep(KEPT, subscription.endpoint);
      return true;
    }
    // Where the subscription is the same, somebody has removed the endpoint.
    const isRenewed = former !== null && former !== subscription?.endpoint;
    if (!isRenewed || Notification.permission !== "granted") return false;
    await this.#switchOn();
    await this.#removeAll(former);
    return true;
  }

  async #toggle() {
    if (this.#button.getAttribute("aria-busy") === "true") return;
    const isOn = this.#button.getAttribute("aria-pressed") === "true";
    await this.#busy(() => (isOn ? this.#switchOff() : this.#switchOn()));
  }

  /** Does something that ends with notifications on or off, and shows which. */
  async #busy(work) {
    this.#button.setAttribute("aria-busy", "true");
    try {
      const isOn = await work();
      this.#show(isOn, isOn ? ON : OFF);
    } catch (problem) {
      this.#note.textContent = `That did not work: ${problem.message}`;
    }
    this.#button.setAttribute("aria-busy", "false");
  }

  #show(isOn, text) {
    this.#button.setAttribute("aria-pressed", String(isOn));
    this.#note.textContent = text;
  }

  async #isOn(subscription) {
    return subscription !== undefined && isForKey(subscription) && (await this.#endpoints(subscription)).length > 0;
  }

  async #switchOn() {
    if ((await Notification.requestPermission()) !== "granted") throw new Error(BLOCKED);
    const subscription = await subscribe(await worker());
    if (!(await this.#isOn(subscription))) {
      const endpoint = { kind: "web_push", subscription: subscription.toJSON(), only_when_offline: true };
      await this.#api.insist("POST", this.#path, { body: JSON.stringify(endpoint) }, { tries: TRIES });
    }
    this.#session.keep(KEPT, subscription.endpoint);
    return true;
  }

  /** The browser has one subscription for all its users: the others have to switch notifications on again. */
  async #switchOff() {
    this.#session.keep(KEPT, null);
    const subscription = await subscribed();
    if (subscription === undefined) return false;
    await this.#removeAll(subscription.endpoint);
    await subscription.unsubscribe();
    return false;
  }

  /** Removes the user's endpoints that lead to a subscription. */
  async #removeAll(endpoint) {
    for (const { id } of await this.#endpoints({ endpoint })) await this.#remove(id);
  }

  async #remove(id) {
    try {
      await this.#api.insist("DELETE", `${this.#path}/${id}`, {}, { tries: TRIES });
    } catch (problem) {
      // An earlier try has removed it, or somebody else.
      if (problem.status !== 404) throw problem;
    }
  }

  /** The user's endpoints that lead to this browser. */
  async #endpoints({ endpoint }) {
    const { endpoints } = await this.#api.insist("GET", this.#path, {}, { tries: TRIES });
    return endpoints.filter(({ subscription }) => subscription?.endpoint === endpoint);
  }
}

/** Why this browser cannot be notified, if so. */
function whyNot() {
  if (!isSecureContext) return "Not possible here: browsers notify for https addresses and this machine's own only.";
  const has = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  return has ? undefined : "Not possible in this browser.";
}

/** This browser's subscription, if any. */
async function subscribed() {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  return (await registration?.pushManager.getSubscription()) ?? undefined;
}

/** The service worker's registration, once it can take pushes. */
async function worker() {
  const script = SCRIPTS?.createScriptURL("") ?? WORKER;
  const registration = await navigator.serviceWorker.register(script, { scope: SCOPE, updateViaCache: "none" });
  const { active, waiting, installing } = registration;
  if (active) return registration;
  const coming = waiting ?? installing;
  return new Promise((resolve, reject) => {
    coming.addEventListener("statechange", () => {
      if (coming.state === "activated") resolve(registration);
      if (coming.state === "redundant") reject(new Error("the browser could not start the service worker"));
    });
  });
}

async function subscribe({ pushManager }) {
  const options = { userVisibleOnly: true, applicationServerKey: KEY };
  const former = await pushManager.getSubscription();
  // One that was made for another key stands in the way.
  if (former && !isForKey(former)) await former.unsubscribe();
  return pushManager.subscribe(options);
}

function isForKey({ options }) {
  return base64url(new Uint8Array(options.applicationServerKey ?? [])) === KEY;
}
