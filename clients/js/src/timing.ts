/** The bounds of a time that is drawn at random or, where waits grow, the first wait and the longest. */
export type Range = readonly [number, number];

/** The periods of a client, in milliseconds. */
export interface Timing {
  /** The time from a seq that jumps to the question for the missing ones. Up to eightfold while that does not help. */
  gap: Range;
  /** The time to wait for an answer before asking again. Up to fourfold while none comes. */
  answer: Range;
  /** The first and the longest time of silence before a ping: twice as long after each answered one, give or take
   * a quarter, and never beyond nine minutes. API Gateway closes a connection that is idle for ten. */
  ping: Range;
  /** The time limit of the answer to a ping. */
  pong: number;
  /** The time limit for opening a socket. */
  connect: number;
  /** The time of failed handshakes after which sockets count as blocked, if HTTP works. */
  blocked: number;
  /** The age at which a socket is replaced by another. API Gateway closes it at 2 h. */
  replace: Range;
  /** The wait after the loss of a socket that worked. All clients may have lost theirs at once. */
  reconnect: Range;
  /** The first and the longest wait after a failure. */
  retry: Range;
  /** The first and the longest wait before a polling client tries a socket again. The longest also holds where the user has too many sockets. */
  upgrade: Range;
  /** The time that a long poll waits at the server. At most 25 s, in whole seconds. */
  poll: number;
}

export const usual: Timing = {
  gap: [500, 3e3],
  answer: [1e4, 15e3],
  ping: [3e4, 3e5],
  pong: 1e4,
  connect: 1e4,
  blocked: 1e4,
  replace: [6e6, 69e5],
  reconnect: [0, 2e3],
  retry: [200, 3e4],
  upgrade: [15e3, 3e5],
  poll: 2e4,
};

/** The longest time of a timer, more than three weeks. */
export const LONGEST = 2e9;
/** The longest pause before a retry of a call. If the server asks for a longer one, the call fails with `retryAfter`. */
export const PATIENCE = 3e4;

export function within([from, to]: Range): number {
  return from + Math.random() * (to - from);
}

/** The time, give or take up to a quarter. */
export function about(time: number): number {
  return time * (0.75 + Math.random() / 2);
}

/** The wait after so many failures: it doubles with each one after the first. */
export function grown([first, longest]: Range, failures: number): number {
  return Math.min(longest, first * 2 ** (failures - 1));
}

/** A random wait of up to the grown one, so that clients that failed at the same time do not return at the same time. */
export function backoff(range: Range, failures: number): number {
  return Math.random() * grown(range, failures);
}

/** Calls back after a time, or as soon as the signal aborts. Returns a function that cancels this. */
export function alarm(time: number, then: () => void, signal?: AbortSignal): () => void {
  const stop = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", end);
  };
  const end = () => {
    stop();
    then();
  };
  const timer = setTimeout(end, time);
  signal?.addEventListener("abort", end);
  return stop;
}

/** Fails if a promise takes longer than `time`. */
export function limited<T>(promise: T | Promise<T>, time: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = alarm(time, () => reject(new Error("no answer in time")));
    Promise.resolve(promise).then(resolve, reject).finally(stop);
  });
}

/** Waits for a time, or until the signal aborts. */
export function pause(time: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => void alarm(time, resolve, signal));
}
