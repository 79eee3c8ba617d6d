/** From the first to the second: one is drawn at random, or, where waits grow, the first wait and the longest. */
export type Range = readonly [number, number];

/** The periods of a client, in milliseconds. */
export interface Timing {
  /** How long a seq that jumps is held before what is missing is asked for. Up to eightfold while that does not help. */
  gap: Range;
  /** How long to wait for an answer before asking again. Up to fourfold while none comes. */
  answer: Range;
  /** How long nothing may be heard before a ping is sent, at first and at most: twice as long after each that was answered. A
   * quarter of it is jitter. API Gateway cuts a connection on which nothing passes for ten minutes. */
  ping: Range;
  /** How long to wait for an answer to a ping. */
  pong: number;
  /** How long opening a socket may take. */
  connect: number;
  /** For how long handshakes must have failed before sockets count as blocked, if HTTP works. */
  blocked: number;
  /** How old a socket becomes before another takes its place; API Gateway cuts it at 2 h. */
  replace: Range;
  /** How long to wait after a socket that worked was lost. All clients may have lost theirs at once. */
  reconnect: Range;
  /** How long to wait after a failure, at first and at most. */
  retry: Range;
  /** How long to wait before a socket is tried again while polling, at first and at most; and at most where the user has too many. */
  upgrade: Range;
  /** How long a long poll waits at the server. At most 25 s, in whole seconds. */
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

/** A timer takes no longer time, which is more than three weeks. */
export const LONGEST = 2e9;
/** A call whose caller waits is not tried again after more than this: it fails, and says how long the server wants. */
export const PATIENCE = 3e4;

export function within([from, to]: Range): number {
  return from + Math.random() * (to - from);
}

/** A quarter less to a quarter more. */
export function about(time: number): number {
  return time * (0.75 + Math.random() / 2);
}

/** What doubles with each failure but the first. */
export function grown([first, longest]: Range, failures: number): number {
  return Math.min(longest, first * 2 ** (failures - 1));
}

/** All of a wait is left to chance: clients that failed at once do not come back at once. */
export function backoff(range: Range, failures: number): number {
  return Math.random() * grown(range, failures);
}

/** Calls back once that time is over, or as soon as it is aborted. What it returns calls that off. */
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

/** Fails where a promise takes longer than that. */
export function limited<T>(promise: T | Promise<T>, time: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = alarm(time, () => reject(new Error("no answer in time")));
    Promise.resolve(promise).then(resolve, reject).finally(stop);
  });
}

/** Waits, but no longer than until it is aborted. */
export function pause(time: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => void alarm(time, resolve, signal));
}
