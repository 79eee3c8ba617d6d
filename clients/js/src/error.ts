/** An error of the API, with its stable code, or an error of the client itself. */
export class TidingsError extends Error {
  readonly code!: string;
  readonly detail!: string;
  /** The status of the HTTP response, if the error came in one. */
  readonly status?: number;
  /** The channel of the error, if it concerns one channel. */
  readonly channel?: string;
  /** @internal The invalid parameter. */
  readonly field?: string;
  /** The pause in milliseconds that the server asks for. */
  readonly retryAfter?: number;

  constructor(code: string, detail: unknown, more?: Partial<TidingsError>) {
    super(`${code}: ${detail}`);
    Object.assign(this, more, { code, detail: `${detail}` });
  }
}
