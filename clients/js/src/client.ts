import { isInTheClear } from "./address.js";
import { Channel } from "./channel.js";
import { TidingsError } from "./error.js";
import { Http } from "./http.js";
import { Polling } from "./polling.js";
import { Socket } from "./socket.js";
import { lifetime, subject } from "./token.js";
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
  readonly timing: Timing;
  readonly http: Http;
  /** By name. */
  readonly channels = new Map<string, Channel>();
  #state: State | undefined;
  /** The code of the error that was told last, until something works. */
  #told: string | undefined;
  #hasSockets: boolean;
  #current: Socket | undefined;
  /** What is to take the place of `#current`. */
  #next: Socket | undefined;
  #polling: Polling | undefined;
  /** Polls were answered since the last socket. */
  #polls = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #ticker: ReturnType<typeof setTimeout> | undefined;
  /** Sockets in a row that came to nothing. */
  #failures = 0;
  /** Of these, those in a row on which nothing was heard, */
  #silent = 0;
  /** and when the first of them failed. */
  #since = 0;
  #worked = false;
  /** How long the last token is good for. */
  #lifetime = Infinity;
  /** How often a socket was tried while polling. */
  #upgrades = 0;

  constructor(options: Options) {
    const { transport = "auto", websocket, WebSocket = globalThis.WebSocket } = options;
    this.#hasSockets = !transport.endsWith("poll") && !!websocket && !!WebSocket;
    if (transport == "socket" && !this.#hasSockets) {
      throw new TypeError("give `websocket` and, in Node 20, `WebSocket`");
    }
    if ([options.http, websocket].some(isInTheClear)) {
      console.warn("tidings: use https and wss: others can read the token");
    }
    this.options = options;
    this.timing = { ...usual, ...options.timing };
    this.http = new Http(options);
  }

  /** Whose cursors the storage keeps: of one stack and one user, unless the application says otherwise. */
  async scope(): Promise<string> {
    const { scope, http } = this.options;
    return scope ?? `${http.replace(/\/$/, "")}:${subject(await this.http.known())}`;
  }

  subscribe(name: string, options: SubscribeOptions): Channel {
    if (this.#state == "closed") throw new TidingsError("closed", "make a new client");
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
  refuse(channel: Channel, { code, detail, status }: TidingsError): void {
    this.leave(channel);
    this.tell(new TidingsError(code, detail, { ...(status && { status }), channel: channel.name }));
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
    if (this.#state == "closed") return;
    if (!this.#state) this.#start();
    this.#current?.pump();
    this.#next?.pump();
    this.#polling?.restart();
  }

  #start(): void {
    this.#become("connecting");
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#tick();
    if (this.#hasSockets) this.#connect();
    else this.#polling = new Polling(this);
  }

  close(): void {
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    clearTimeout(this.#timer);
    clearTimeout(this.#ticker);
    this.#current?.close();
    this.#next?.close();
    this.#polling?.stop();
    this.#become("closed");
    for (const channel of this.channels.values()) channel.gone = true;
  }

  #become(state: State): void {
    if (state == this.#state) return;
    this.#state = state;
    void Promise.resolve(state).then(this.options.onState);
  }

  /** Nothing comes for now. */
  #interrupted(state: State): void {
    for (const channel of this.channels.values()) channel.loaded = false;
    this.#become(state);
  }

  /** The network may be back, or the machine has slept. */
  #wake = (): void => {
    if (globalThis.document?.visibilityState == "hidden") return;
    if (this.#current) this.#current.check();
    else if (this.#hasSockets) this.#connect();
    this.#polling?.restart();
  };

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
    this.#current?.check();
  }

  #connect(): void {
    clearTimeout(this.#timer);
    this.#next ??= new Socket(this);
  }

  #connectIn(time: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), time);
  }

  /** Begins to open a WebSocket. */
  async handshake(): Promise<WebSocket> {
    const { websocket, ticket, WebSocket = globalThis.WebSocket } = this.options;
    if (ticket) return new WebSocket(`${websocket}?ticket=${encodeURIComponent(await limited(ticket(), this.timing.connect))}`);
    const token = await this.http.token();
    this.#lifetime = lifetime(token);
    return new WebSocket(websocket!, ["tidings", `bearer.${token}`]);
  }

  /** A socket has all channels. */
  resumed(socket: Socket): void {
    if (socket != this.#next) return;
    this.#current?.close();
    this.#polling?.stop();
    this.#current = socket;
    this.#next = this.#polling = this.#told = undefined;
    this.#polls = false;
    this.#failures = this.#silent = this.#upgrades = 0;
    this.#worked = true;
    this.#become("live");
    // A connection ends with its token. One that is given again and again leaves less of it each time.
    const token = Math.max(SHORTEST, this.#lifetime * within([0.6, 0.9]));
    this.#connectIn(Math.min(within(this.timing.replace), token));
  }

  /** A socket came to nothing, or to an end. The next one is to wait that long at least. */
  lost(socket: Socket, isSilent: boolean, wait: number): void {
    if (socket == this.#current) {
      this.#current = undefined;
      this.#interrupted(wait ? "offline" : "connecting");
      if (!this.#next) this.#connectIn(wait || within(this.timing.reconnect));
      return;
    }
    this.#next = undefined;
    this.#failures++;
    if (!isSilent) this.#silent = 0;
    else if (!this.#silent++) this.#since = Date.now();
    if (!this.#current && !this.#polling) this.#fallBack();
    const { retry, upgrade } = this.timing;
    this.#connectIn(wait + (this.#polling ? about(grown(upgrade, ++this.#upgrades)) : backoff(retry, this.#failures)));
  }

  #fallBack(): void {
    const isLong = Date.now() - this.#since >= this.timing.blocked;
    const areBlocked = isLong && this.#silent >= (this.#worked ? BLOCKED_ANEW : BLOCKED);
    if (areBlocked && this.options.transport != "socket") this.#polling = new Polling(this);
    else this.#interrupted("offline");
  }

  /** A poll was answered, or failed and is made again after that time. */
  polled(well: boolean, wait = 0): void {
    if (!well) {
      // Nothing works, or the server is too busy: a poll would hold more of it than a socket, and sockets may not be blocked.
      if (this.#hasSockets && !this.#polls) {
        this.#polling?.stop();
        this.#polling = undefined;
        this.#connectIn(Math.max(wait, backoff(this.timing.retry, this.#failures)));
      }
      return this.#interrupted("offline");
    }
    this.#told = undefined;
    this.#polls = true;
    this.#become("polling");
  }
}
