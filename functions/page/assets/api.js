// Calls of the HTTP API.

const PATIENCE = 30_000;
const LONGEST_WAIT = 30;
/** Stands for the status of a redirect, which browsers do not tell. */
const REDIRECT = 300;
const REDIRECTED = "The server redirects calls elsewhere, and the page does not follow. Open it at the stack's own address.";

/** Why a call was not answered as hoped. */
export class Problem extends Error {
  constructor(status, { code, detail, title, field, message } = {}, retryAfter = 0) {
    // What API Gateway refuses by itself has only a message.
    super(detail ?? title ?? message ?? `The server answered ${status}.`);
    Object.assign(this, { status, code, field, retryAfter });
  }

  /** Whether the same call may succeed a little later. Status 0: there was no answer. */
  get passes() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

export class Api {
  #base;
  #session;

  constructor(base, session) {
    this.#base = base;
    this.#session = session;
  }

  /** One call, and its answer, if it has one; throws a `Problem`. */
  async call(method, path, { body, key } = {}) {
    const headers = { authorization: `Bearer ${await this.#session.token()}` };
    if (body !== undefined) headers["content-type"] = "application/json";
    if (key !== undefined) headers["idempotency-key"] = key;
    const { response, answer } = await this.#exchange(path, { method, headers, body });
    if (response.type === "opaqueredirect") throw new Problem(REDIRECT, { code: "redirected", detail: REDIRECTED });
    if (response.status === 204 || (response.ok && answer !== undefined)) return answer;
    const problem = new Problem(response.status, answer, Number(response.headers.get("retry-after")) || 0);
    if (response.status === 401) this.#session.refused(problem.message);
    throw problem;
  }

  /** Repeats a call while that may help, and calls `onWait` before each further try. */
  async insist(method, path, options, { tries = Infinity, onWait = () => {} } = {}) {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.call(method, path, options);
      } catch (problem) {
        if (!problem.passes || attempt >= tries) throw problem;
        const seconds = Math.max(problem.retryAfter, jittered(attempt));
        onWait(problem, seconds);
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      }
    }
  }

  async #exchange(path, request) {
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      const response = await fetch(this.#base + path, { ...request, cache: "no-store", redirect: "manual", signal });
      return { response, answer: parsed(await response.text()) };
    } catch {
      throw new Problem(0, { detail: "The server cannot be reached." });
    }
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds to wait after so many tries: about twice as long each time, and not in step with others. */
function jittered(attempt) {
  const most = Math.min(2 ** (attempt - 1), LONGEST_WAIT);
  return most * (0.5 + Math.random() / 2);
}
