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

/** So many sockets in a row on which nothing was heard, for a while in which HTTP works, mean that sockets are blocked; */
const BLOCKED = 3;
/** and so many, where they have worked before: then it may be the server. */
const BLOCKED_ANEW = 5;
/** So often it looks whether the machine has slept: */
const TICK = 1e4;
/** then a timer comes that late. */
const LATE = 5e3;
/** A socket is not replaced before, however soon its token ends. */
const SHORTEST = 1e4;

/** Chooses among the transports, which all feed the same channels. */
export class Client {
  readonly options: Options;
  readonly periods: Timing;
  readonly api: Http;
  /** By name. */
  readonly channels = new Map<string, Channel>();
  stands: State | undefined;
  /** The code of the error that was told last, until something works. */
  #told: string | undefined;
  /** The constructor of sockets. Missing: none is to be opened. */
  #WebSocket: Options["WebSocket"];
  current: Socket | undefined;
  readonly tabs: Tabs;
  /** What is to take the place of `current`. */
  #next: Socket | undefined;
  #polling: Polling | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setTimeout> | undefined;
  /** Sockets in a row that came to nothing. */
  #failures = 0;
  /** Of these, those in a row on which nothing was heard, */
  #silent = 0;
  /** and when the first of them failed. */
  #since = 0;
  /** So many of these in a row mean that sockets are blocked. */
  #most = BLOCKED;
  /** How many milliseconds the last token is good for, as far as can be known. */
  #lifetime = Infinity;
  /** How often a socket was tried while polling. */
  #upgrades = 0;

  constructor(options: Options) {
    const { transport, websocket, WebSocket = globalThis.WebSocket, shared = globalThis.document } = options;
    if (websocket && !transport?.endsWith("poll")) this.#WebSocket = WebSocket;
    if (transport == "socket" && !this.#WebSocket) throw new TypeError("give `websocket`, and `WebSocket` in Node 20");
    if ([options.http, websocket].some(isInTheClear)) console.warn("tidings: use https and wss: others can read the token");
    this.options = options;
    this.periods = { ...usual, ...options.timing };
    this.api = new Http(options);
    this.tabs = new Tabs(this, !shared);
  }

  /** Whose cursors the storage keeps: of one stack and one user, unless the application says otherwise. */
  async scope(): Promise<string> {
    const { scope, http } = this.options;
    return scope ?? `${http.replace(/\/$/, "")}:${claims(await this.api.known()).sub ?? ""}`;
  }

  /** What one socket is for: tabs of one stack, with tokens that say the same. */
  async group(): Promise<string> {
    const { websocket, transport } = this.options;
    const { exp, iat, nbf, jti, ...same } = claims(await this.api.known());
    return "tidings1:" + JSON.stringify([websocket, transport, same]);
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

  /** The server does not want to give a channel. */
  refuse(channel: Channel, error: TidingsError): void {
    this.leave(channel);
    this.tell(Object.assign(error, { channel: channel.name }));
  }

  tell(error: TidingsError): void {
    // What the application throws here is its own, and must not end up in here.
    void Promise.resolve(error).then(this.options.onError ?? console.error);
  }

  /** Tells of an error that comes again and again. */
  tellOnce(error: TidingsError): void {
    if (this.#told != error.code) this.tell(error);
    this.#told = error.code;
  }

  /** There are other channels to ask for than before. */
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

  /** Nothing comes for now. */
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
    if (!this.current && this.#WebSocket) this.dial();
    this.#polling?.restart();
  }

  #tick(): void {
    const due = Date.now() + TICK;
    this.#ticker = setTimeout(() => {
      // A page that nobody sees has late timers anyway, and is woken when it is seen.
      if (Date.now() > due + LATE) this.#wake();
      this.#tick();
    }, TICK);
  }

  /** Something else says that the network has failed. */
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

  /** This tab leads from now on, or no longer does. */
  moved(): void {
    this.current?.close();
    this.#next?.close();
    this.current = this.#next = undefined;
    if (!this.#polling) this.#interrupted("connecting");
    this.dial();
  }

  /** The tab that leads stands so. */
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
    // Nothing was wrong with the socket that it replaces, so pings stay as rare as they are.
    socket.answered += this.current?.answered ?? 0;
    this.current?.close();
    this.#polling?.stop();
    this.current = socket;
    this.#next = this.#polling = this.#told = undefined;
    this.#failures = this.#silent = this.#upgrades = 0;
    this.#most = BLOCKED_ANEW;
    this.tabs.turn();
    this.#become("live");
    // A connection ends with its token. One that is given again and again leaves less of it each time.
    const token = Math.max(SHORTEST, this.#lifetime * within([0.6, 0.9]));
    this.#connectIn(Math.min(within(this.periods.replace), token));
  }

  /** A socket came to nothing, or to an end. The next one is to wait that long at least. */
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

  /** A poll has failed, and is made again after that time. */
  pollFailed(wait: number, hasWorked: boolean | undefined): void {
    // Nothing works, or the server is too busy: a poll would hold more of it than a socket, and sockets may not be blocked.
    if (this.#WebSocket && !hasWorked && this.tabs.leads) {
      this.#polling?.stop();
      this.#polling = undefined;
      this.#connectIn(Math.max(wait, backoff(this.periods.retry, this.#failures)));
    }
    this.#interrupted("offline");
  }
}
