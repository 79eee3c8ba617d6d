import { isInTheClear } from "./address.js";
import { Channel } from "./channel.js";
import { TidingsError } from "./error.js";
import { Http } from "./http.js";
import { Polling } from "./polling.js";
import { Socket } from "./socket.js";
import type { Connection } from "./connection.js";
import { Tabs } from "./tabs.js";
import { claims } from "./token.js";
import { about, backoff, grown, limited, usual, within, type Timing } from "./timing.js";
import type { Options, State, SubscribeOptions } from "./types.js";

/** Sockets are blocked where so many in a row brought no frame for a while, and HTTP works. */
const BLOCKED = 3;
/** The same number where sockets have worked before: the server may be the cause. */
const BLOCKED_ANEW = 5;
/** The interval at which the client checks whether the machine has slept. */
const TICK = 1e4;
/** A timer that is later than this shows that the machine has slept. */
const LATE = 5e3;
/** The minimum age of a socket that is replaced, however soon its token ends. */
const SHORTEST = 1e4;

/** Chooses among the transports, which all feed the same channels. */
export class Client {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  /** By name. */
  readonly channels = new Map<string, Channel>();
  stands: State | undefined;
  /** The code of the last error that `tellOnce` reported; empty again as soon as something works. */
  #told: string | undefined;
  /** The constructor of sockets. Without it the client opens none. */
  #WebSocket: Options["WebSocket"];
  current: Socket | undefined;
  readonly tabs: Tabs;
  /** The socket that is to take the place of `current`. */
  #next: Socket | undefined;
  #polling: Polling | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setTimeout> | undefined;
  /** Sockets in a row that failed before they had all channels. */
  #failures = 0;
  /** The last failures in a row on sockets that brought no frame. */
  #silent = 0;
  /** The time of the first of them. */
  #since = 0;
  /** The number of them from which on sockets are blocked. */
  #most = BLOCKED;
  /** The remaining lifetime of the last token in milliseconds, as far as it can be known. */
  #lifetime = Infinity;
  /** The sockets that were tried while polling. */
  #upgrades = 0;

  constructor(options: Options) {
    const { transport, websocket, WebSocket = globalThis.WebSocket, shared = globalThis.document } = options;
    if (websocket && !transport?.endsWith("poll")) this.#WebSocket = WebSocket;
    if (transport == "socket" && !this.#WebSocket) throw new TypeError("give `websocket` and `WebSocket`");
    if ([options.http, websocket].some(isInTheClear)) console.warn("tidings: use https and wss");
    this.options = options;
    this.periods = { ...usual, ...options.timing };
    this.api = new Http(options);
    this.tabs = new Tabs(this, !shared);
  }

  /** The owner of the stored cursors: one user of one stack, unless the application names another. */
  async scope(): Promise<string> {
    const { scope, http } = this.options;
    return scope ?? `${http.replace(/\/$/, "")}:${claims(await this.api.known()).sub ?? ""}`;
  }

  /**
   * The name of the tabs that share one socket: those of one stack, with tokens of the same claims. A token that is not renewed is shared
   * only with tabs that have the same: once it has ended, its tab would keep all others from connecting.
   */
  async group(): Promise<string> {
    const { websocket, transport, token } = this.options;
    const { exp, iat, nbf, jti, ...same } = claims(await this.api.known());
    return "tidings1:" + JSON.stringify([websocket, transport, same, typeof token == "string" && exp]);
  }

  subscribe(name: string, options: SubscribeOptions): Channel {
    if (this.stands == "closed") throw new TidingsError("closed", "make a new client");
    if (this.channels.has(name)) throw new TidingsError("already_subscribed", "unsubscribe first", { channel: name });
    const channel = new Channel(this, name, options);
    this.channels.set(name, channel);
    return channel;
  }

  /** Stops listening to a channel. */
  leave(channel: Channel): void {
    if (channel.gone) return;
    channel.gone = true;
    this.channels.delete(channel.name);
    this.changed();
  }

  /** Gives up a channel that the server refuses. */
  refuse(channel: Channel, error: TidingsError): void {
    this.leave(channel);
    this.tell(Object.assign(error, { channel: channel.name }));
  }

  tell(error: TidingsError): void {
    // An error that the application throws here stays outside the client.
    void Promise.resolve(error).then(this.options.onError ?? console.error);
  }

  /** Reports an error that repeats, once. */
  tellOnce(error: TidingsError): void {
    if (this.#told != error.code) this.tell(error);
    this.#told = error.code;
  }

  /** Asks anew: there are other channels than before, or one has something else to ask for. */
  changed(): void {
    if (this.stands == "closed") return;
    if (!this.stands) this.#start();
    this.current?.pump();
    this.#next?.pump();
    this.#polling?.restart();
  }

  #start(): void {
    this.#become("connecting");
    this.#listen("add");
    this.#tick();
    if (this.#WebSocket) this.dial();
    else this.#polling = new Polling(this);
  }

  #listen(verb: "add" | "remove"): void {
    globalThis[`${verb}EventListener`]?.("online", this.#wake);
    globalThis.document?.[`${verb}EventListener`]("visibilitychange", this.#wake);
  }

  close(): void {
    this.#listen("remove");
    clearTimeout(this.#timer);
    clearTimeout(this.#ticker);
    this.current?.close();
    this.#next?.close();
    this.#polling?.stop();
    this.tabs.close();
    this.#become("closed");
    for (const channel of this.channels.values()) channel.gone = true;
  }

  #become(state: State): void {
    if (state == this.stands) return;
    this.stands = state;
    this.tabs.tell();
    void Promise.resolve(state).then(this.options.onState);
  }

  /** Delivery has stopped for now. */
  #interrupted(state: State): void {
    for (const channel of this.channels.values()) channel.loaded = false;
    this.#become(state);
  }

  /** The network may be back, or the machine has slept. */
  #wake = (): void => {
    if (globalThis.document?.visibilityState != "hidden") this.wakeUp();
  };

  wakeUp(): void {
    this.check();
    // The browser may have dropped what was said to a tab that follows while its page was put aside: a new line asks for that.
    if (this.#WebSocket && !(this.current && this.tabs.leads)) this.dial();
    this.#polling?.restart();
  }

  #tick(): void {
    const due = Date.now() + TICK;
    this.#ticker = setTimeout(() => {
      // The timers of a hidden page are late anyway. It wakes when it is seen.
      if (Date.now() > due + LATE) this.#wake();
      this.#tick();
    }, TICK);
  }

  /** Checks the socket: another call found that the network has failed. */
  check(): void {
    if (!this.tabs.leads) this.tabs.ask({ wake: true });
    else this.current?.check();
  }

  dial(): void {
    clearTimeout(this.#timer);
    this.#next ??= new Socket(this);
  }

  #connectIn(time: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.dial(), time);
  }

  /** This tab has begun or ceased to lead. */
  moved(): void {
    this.current?.close();
    this.#next?.close();
    this.current = this.#next = undefined;
    if (!this.#polling) this.#interrupted("connecting");
    this.dial();
  }

  /** Takes on the state of the tab that leads. */
  follow(state: State): void {
    if (state == "polling") this.#polling ??= new Polling(this);
    else if (state != "live" && !this.#polling) this.#interrupted(state);
  }

  /** Begins to open a WebSocket, or a line to the tab that has one. */
  async handshake(): Promise<Connection> {
    const line = await this.tabs.line();
    if (line) return line;
    const { websocket, ticket } = this.options;
    const WebSocket = this.#WebSocket!;
    if (ticket) return new WebSocket(`${websocket}?ticket=${encodeURIComponent(await limited(ticket(), this.periods.connect))}`);
    const token = await this.api.token();
    const { exp, iat } = claims(token);
    // This machine's clock may be wrong.
    this.#lifetime = Math.min(...[exp - Date.now() / 1e3, exp - iat].filter((left) => left > 0)) * 1e3;
    return new WebSocket(websocket!, ["tidings", `bearer.${token}`]);
  }

  /** A socket has all channels. */
  resumed(socket: Socket): void {
    if (socket != this.#next) return;
    // The replaced socket worked, so pings stay as rare as they are.
    socket.answered += this.current?.answered ?? 0;
    this.current?.close();
    this.#polling?.stop();
    this.current = socket;
    this.#next = this.#polling = this.#told = undefined;
    this.#failures = this.#silent = this.#upgrades = 0;
    this.#most = BLOCKED_ANEW;
    this.tabs.turn();
    this.#become("live");
    // A connection ends with its token. A token that is used repeatedly has less time left at each connection.
    const token = Math.max(SHORTEST, this.#lifetime * within([0.6, 0.9]));
    this.#connectIn(Math.min(within(this.periods.replace), token));
  }

  /** A socket failed or ended. The next one waits at least `wait` milliseconds. */
  lost(socket: Socket, isSilent: boolean, wait: number): void {
    if (socket == this.current) {
      this.current = undefined;
      this.#interrupted(wait ? "offline" : "connecting");
      if (!this.#next) this.#connectIn(this.tabs.leads ? wait || within(this.periods.reconnect) : 0);
      return;
    }
    this.#next = undefined;
    this.#failures++;
    if (!isSilent) this.#silent = 0;
    else if (!this.#silent++) this.#since = Date.now();
    if (!this.current && !this.#polling) {
      const isLong = Date.now() - this.#since >= this.periods.blocked;
      const areBlocked = isLong && this.#silent >= this.#most;
      if (areBlocked && this.options.transport != "socket") this.#polling = new Polling(this);
      else this.#interrupted("offline");
    }
    const { retry, upgrade } = this.periods;
    this.#connectIn(wait + (this.#polling ? about(grown(upgrade, ++this.#upgrades)) : backoff(retry, this.#failures)));
  }

  /** A poll was answered. */
  polled(): void {
    this.#told = undefined;
    this.#become("polling");
  }

  /** A poll has failed, and is repeated after `wait` milliseconds. */
  pollFailed(wait: number, hasWorked: boolean | undefined): void {
    // Nothing works, or the server is too busy. A poll takes more of the server than a socket, and sockets may not be blocked.
    if (this.#WebSocket && !hasWorked && this.tabs.leads) {
      this.#polling?.stop();
      this.#polling = undefined;
      this.#connectIn(Math.max(wait, backoff(this.periods.retry, this.#failures)));
    }
    this.#interrupted("offline");
  }
}
