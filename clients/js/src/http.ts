import { TidingsError } from "./error.js";
import { alarm, limited, LONGEST } from "./timing.js";
import type { Options } from "./types.js";

/** The time limit of a response, on top of the time that the server was asked to wait. */
const PATIENCE = 15e3;

/** The error for a redirect. The client does not follow it: its target is not configured. In browsers its status is 0. */
const REDIRECTED = { code: "redirected", detail: "`http` redirects: give the API's own address" };

/** Calls the HTTP API, with a token that it keeps until the server refuses it. */
export class Http {
  #options: Options;
  #token: Promise<string> | undefined;
  /** The token is not used yet. */
  #fresh: boolean | undefined;

  constructor(options: Options) {
    this.#options = options;
  }

  /** A new token, to connect with. */
  token(): Promise<string> {
    if (!this.#fresh) this.#token = undefined;
    return this.#use();
  }

  /** The known token, or a new one, which counts as used from then on. */
  #use(): Promise<string> {
    const token = this.known();
    this.#fresh = false;
    return token;
  }

  /** The known token, or a new one. */
  known(): Promise<string> {
    this.#fresh ||= !this.#token;
    return (this.#token ??= this.#ask());
  }

  async #ask(): Promise<string> {
    // After this the promise is stored in `#token`, and a failure below can clear it.
    await undefined;
    const { token } = this.#options;
    try {
      // A token from a file or a command ends in a newline, which a header cannot have.
      return (await limited(typeof token == "function" ? token() : token, PATIENCE)).trim();
    } catch (cause) {
      this.#token = undefined;
      throw new TidingsError("token_failed", cause, { cause });
    }
  }

  /** Calls, and once more with a fresh token after a 401. The caller retries every other failure. */
  async call(path: string, init: RequestInit = {}, wait = 0, signal?: AbortSignal): Promise<any> {
    // A global `fetch` has to be called as a function, not as a method.
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
  // Without the header it is `null`, which means 0.
  const after = headers.get("retry-after")!;
  const time = +after * 1e3 || Date.parse(after) - Date.now() || 0;
  const retryAfter = Math.max(0, Math.min(time, LONGEST));
  return new TidingsError(code ?? `http_${status}`, detail ?? message, { status, field, retryAfter });
}
