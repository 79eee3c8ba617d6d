import { TidingsError } from "./error.js";
import { alarm, limited, LONGEST } from "./timing.js";
import type { Options } from "./types.js";

/** How long an answer may take, beside what the server was asked to wait. */
const PATIENCE = 15e3;

/** What a redirect is told as. It is not followed: nobody has configured where it leads. In browsers its status is 0. */
const REDIRECTED = { code: "redirected", detail: "`http` redirects: give the API's own address" };

/** Calls the HTTP API, with a token that it keeps until it is refused. */
export class Http {
  #options: Options;
  #token: Promise<string> | undefined;
  /** The token was asked for, and not used yet. */
  #fresh: boolean | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** A new token, to connect with. */
  token(): Promise<string> {
    if (!this.#fresh) this.#token = undefined;
    return this.#use();
  }

  /** The token that there is, which is then used. */
  #use(): Promise<string> {
    const token = this.known();
    this.#fresh = false;
    return token;
  }

  /** The token that there is, or else a new one. */
  known(): Promise<string> {
    this.#fresh ||= !this.#token;
    return (this.#token ??= this.#ask());
  }

  async #ask(): Promise<string> {
    // Only after this is the promise kept, and can be forgotten.
    await undefined;
    const { token } = this.#options;
    try {
      // Files and commands end in a newline, which no header takes.
      return (await limited(typeof token == "function" ? token() : token, PATIENCE)).trim();
    } catch (cause) {
      this.#token = undefined;
      throw new TidingsError("token_failed", cause, { cause });
    }
  }

  /** Calls, with a fresh token if one is refused. What else fails is for the caller to try again. */
  async call(path: string, init: RequestInit = {}, wait = 0, signal?: AbortSignal): Promise<any> {
    // A global `fetch` wants to be called as a function, not as a method.
    const { http, fetch = globalThis.fetch } = this.#options;
    const abort = new AbortController();
    const stop = alarm(wait + PATIENCE, () => abort.abort(), signal);
    try {
      for (let again = false; ; again = true) {
        const token = this.#use();
        const headers = { ...init.headers, authorization: `Bearer ${await token}`, "content-type": "application/json" };
        const request: RequestInit = { ...init, headers, cache: "no-store", redirect: "manual", signal: abort.signal };
        const response = await fetch(http.replace(/\/$/, "") + path, request);
        const answer = await response.json().catch(() => ({}));
        if (response.ok) return answer;
        if (response.status == 401 && this.#token == token) this.#token = undefined;
        if (response.status != 401 || again) throw refusal(response, response.status < 400 ? REDIRECTED : answer);
      }
    } finally {
      stop();
    }
  }
}

function refusal({ status, headers }: Response, { code, detail, message, field }: any): TidingsError {
  // Without the header it is `null`: no time.
  const after = headers.get("retry-after")!;
  const time = +after * 1e3 || Date.parse(after) - Date.now() || 0;
  const retryAfter = Math.max(0, Math.min(time, LONGEST));
  return new TidingsError(code ?? `http_${status}`, detail ?? message, { status, field, retryAfter });
}
