// Who is signed in. The session lives as long as its tab; the browser keeps the user's name longer.

const KEY = "tidings.session";
/** Under this name the browser keeps who was signed in last. */
const LAST = "tidings.last-user";
/** The lifetime of a minted token, in seconds; a new one is minted for each connection. */
const LIFETIME = 4 * 60 * 60;

const meta = (name) => document.querySelector(`meta[name="${name}"]`).content;
const secret = meta("tidings-local-token-secret");
/** Names the user where a public key has signed. */
const userClaim = meta("tidings-user-claim");

/** A local stack gives the page its machine's secret, so the page can sign by itself. Browsers offer that on safe origins only. */
export const canMint = secret !== "" && globalThis.crypto?.subtle !== undefined;

export class Session {
  #token;
  #claims;
  /** Who is signed in. */
  user;
  /** Called with the reason when the server refuses the token. */
  onRefused = () => {};

  constructor(user, claims, token) {
    checkUser(user);
    this.user = user;
    this.#claims = claims;
    this.#token = token;
  }

  /** The user's own channel. */
  get inbox() {
    return `user:${nameOf(this.user)}`;
  }

  /** Patterns of the channels that the token may send to. */
  get publish() {
    return Array.isArray(this.#claims.publish) ? this.#claims.publish : [];
  }

  /** A token that is good now. */
  async token() {
    return this.#token ?? mint(this.#claims);
  }

  /** Makes this the tab's session, and its user this browser's last one. */
  remember() {
    sessionStorage.setItem(KEY, JSON.stringify(this.#token === undefined ? { name: this.user } : { token: this.#token }));
    try {
      localStorage.setItem(LAST, this.user);
    } catch {
      // Without storage the next tab knows of nobody.
    }
  }

  refused(detail) {
    this.onRefused(detail);
  }

  /** The value that this browser keeps for this user. */
  kept(name, otherwise) {
    try {
      return JSON.parse(localStorage.getItem(this.keyOf(name))) ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  keep(name, value) {
    try {
      localStorage.setItem(this.keyOf(name), JSON.stringify(value));
    } catch {
      // Without storage the page forgets it when it is closed, and works until then.
    }
  }

  keyOf(name) {
    return `tidings.${name}.${this.user}`;
  }
}

/** The session of a token; throws an `Error` that says why there is none. */
export function byToken(token) {
  const [header, claims] = partsOf(token);
  if (!(claims.exp > Date.now() / 1000)) throw new Error("This token has expired.");
  const user = claims[header.alg === "HS256" ? "sub" : userClaim];
  return new Session(user, claims, token);
}

/** The session of a name, where the page may mint its tokens. */
export function byName(name) {
  // For reading, `*` opens everything but other people's inboxes.
  return new Session(name, { sub: name, subscribe: ["*"], publish: ["*"] });
}

/** The session that a link brings (`#token=…`), if it brings one; throws why it is no good. */
export function linked() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return undefined;
  // A token does not stay in the address bar, nor in the history.
  history.replaceState(null, "", location.pathname + location.search);
  return byToken(token);
}

/** The session of this tab, if any; throws why it is no good. */
export function restored() {
  const { name, token } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  if (token !== undefined) return byToken(token);
  return name !== undefined && canMint ? byName(name) : undefined;
}

/** Who was signed in last in this browser, signed out or not; `undefined` where nobody was. */
export function lastUser() {
  try {
    return localStorage.getItem(LAST) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Ends the session of this tab. */
export function forget() {
  sessionStorage.removeItem(KEY);
}

/** Header and claims. */
function partsOf(token) {
  try {
    const [header, payload, signature] = token.split(".");
    if (!signature) throw new Error("it has too few parts");
    return [header, payload].map((part) => {
      const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
      return JSON.parse(new TextDecoder().decode(bytes));
    });
  } catch {
    throw new Error("This is no token: a JWT has three parts with dots between, and begins with “ey”.");
  }
}

/** The user's name in the channel's: docs/reference/tokens.md says what is escaped, and how. */
function nameOf(user) {
  const escaped = (byte) => `!${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return user.replace(/[^A-Za-z0-9._~@|+=-]/gu, (c) => Array.from(encoded(c), escaped).join(""));
}

function checkUser(user) {
  if (typeof user !== "string" || user === "" || nameOf(user).length > 180) {
    throw new Error("A name has 1 to 180 characters, and fewer where they are not A–Z, a–z, 0–9 or . _ ~ @ | + = -");
  }
}

/** Signs with HS256 (RFC 7515, appendix A.1). */
async function mint(claims) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: "HS256", typ: "JWT" }, { ...claims, iat: now, exp: now + LIFETIME }];
  const text = parts.map((part) => base64url(encoded(JSON.stringify(part)))).join(".");
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoded(secret), algorithm, false, ["sign"]);
  return `${text}.${base64url(new Uint8Array(await crypto.subtle.sign("HMAC", key, encoded(text))))}`;
}

const encoded = (text) => new TextEncoder().encode(text);

/** Bytes in base64url, without padding. */
export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
