/** An error of the API, under its stable code, or one of the client's own. */
export class TidingsError extends Error {
  readonly code!: string;
  readonly detail!: string;
  /** The status of the HTTP answer, if it was one. */
  readonly status?: number;
  /** The channel that it is about, if it is about one. */
  readonly channel?: string;
  /** @internal The parameter to blame. */
  readonly field?: string;
  /** How many milliseconds the server wants to be left alone. */
  readonly retryAfter?: number;

  constructor(code: string, detail: unknown, more?: Partial<TidingsError>) {
    super(`${code}: ${detail}`);
    Object.assign(this, more, { code, detail: `${detail}` });
  }
}
