import type { Channel } from "./channel.js";
import type { Connection } from "./connection.js";
import { TidingsError } from "./error.js";
import { Stream } from "./stream.js";
import type { Tabs } from "./tabs.js";
import { about, grown, type Timing } from "./timing.js";

/** The most questions that are under way at once. For each, the server writes to the same record of the connection. */
const MOST = 4;
/** The same for a tab without a socket of its own. */
const FEW = 2;
/** Errors of a channel that a retry does not mend. Every other error of a channel may pass. */
const PERMANENT = /^(forbidden|not_found|invalid_|too_many_s|unknown_)/;
/** Errors of the connection. */
const OVER = /_token$|^connection_gone$/;
/** The longest time before a ping: API Gateway closes a connection that is idle for ten minutes. */
const LATEST_PING = 54e4;

/** The client that opens sockets, and has the channels that they feed. */
interface Owner {
  readonly periods: Timing;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly tabs: Tabs;
  /** The socket that has all channels. */
  readonly current: unknown;
  handshake(): Promise<Connection>;
  /** A socket has all channels. */
  resumed(socket: Socket): void;
  /** A socket failed or ended. The next one waits at least `wait` milliseconds. */
  lost(socket: Socket, isSilent: boolean, wait: number): void;
  /** Opens another socket, to take the place of this one. */
  dial(): void;
  /** The server refuses a channel. */
  refuse(channel: Channel, error: TidingsError): void;
  tellOnce(error: TidingsError): void;
}

/** One WebSocket, or a line to the tab that has it. It asks for the notifications that its channels miss, and pings. */
export class Socket {
  /** The answered pings on this socket and on those that it replaced. The more there are, the rarer are the next ones. */
  answered = 0;
  /** A frame has come. */
  #heard: boolean | undefined;
  #client: Owner;
  #ws: Connection | undefined;
  /** The streams by the channel's name. The stream of a channel that was left stays until the server has confirmed it. */
  #streams = new Map<string, Stream>();
  /** The last `ref`. Each tab begins at a random number, so that a `ref` shows which tab an answer is for. */
  #ref = Math.round(Math.random() * 1e15);
  #alarm: ReturnType<typeof setTimeout> | undefined;
  #over: boolean | undefined;
  /** A ping waits for its answer. */
  #pinged: boolean | undefined;

  constructor(client: Owner) {
    this.#client = client;
    void this.#open();
  }

  async #open(): Promise<void> {
    try {
      const ws = await this.#client.handshake();
      this.#ws = ws;
      ws.onopen = () => {
        // A proxy may have opened it and let no frame pass.
        this.#listen(this.#client.periods.pong);
        this.pump();
      };
      ws.onmessage = ({ data }) => this.#hear(data);
      ws.onclose = ws.onerror = () => this.giveUp();
      if (this.#over) ws.close();
      this.#expect(this.#client.periods.connect);
    } catch (error) {
      this.#client.tellOnce(error instanceof TidingsError ? error : new TidingsError("handshake_failed", error));
      this.#end(false);
    }
  }

  #end(isSilent: boolean, wait = 0): void {
    if (this.#over) return;
    this.close();
    this.#client.lost(this, isSilent, wait);
  }

  /** Closes the socket, without a call of `lost`. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#alarm);
    for (const stream of this.#streams.values()) stream.stop();
    this.#ws?.close();
  }

  giveUp(): void {
    this.#end(!this.#heard);
  }

  /** Pings at once, unless a ping is under way: its time limit stays. */
  check(): void {
    if (!this.#pinged && this.#ws?.readyState == 1) this.#listen(0);
  }

  /** Gives up unless a frame comes in this time. */
  #expect(time: number): void {
    this.#wait(time, () => this.giveUp());
  }

  /** Pings unless a frame comes in this time. */
  #listen(time: number): void {
    this.#wait(time, () => {
      this.#pinged = true;
      this.#send({ action: "ping" });
      this.#expect(this.#client.periods.pong);
    });
  }

  #wait(time: number, then: () => void): void {
    clearTimeout(this.#alarm);
    // The tab that leads does this for the others.
    if (!this.#over && this.#client.tabs.leads) this.#alarm = setTimeout(then, time);
  }

  #send(frame: object): void {
    this.relay(JSON.stringify(frame));
  }

  /** Sends the frame of another tab. */
  relay(frame: string): void {
    this.#ws!.send(frame);
  }

  /** Leaves a channel that another tab has left, unless a tab still listens to it. */
  drop(channel: string): void {
    if (!this.#streams.has(channel) && !this.#client.tabs.wants(channel)) this.#send({ action: "unsubscribe", channel });
  }

  #hear(data: string): void {
    if (this.#over) return;
    this.#heard = true;
    if (this.#pinged) this.answered++;
    this.#pinged = false;
    try {
      this.#received(JSON.parse(data), data);
    } catch {
      // Only a new connection brings the frame's content once more.
      this.giveUp();
    }
    this.pump();
    this.#listen(Math.min(LATEST_PING, about(grown(this.#client.periods.ping, this.answered + 1))));
  }

  #received(frame: any, data: string): void {
    const { type, channel, ref, code, detail, retry_after, replay } = frame;
    const streams = [...this.#streams.values()];
    if (/^too_many_co/.test(code)) {
      // Another connection now would close one of this user's others.
      this.#client.tellOnce(new TidingsError(code, detail));
      return this.#end(false, about(this.#client.periods.upgrade[1]));
    }
    if (OVER.test(code)) return this.giveUp();
    if (this.#client.current == this) this.#client.tabs.tell({ frame: data });
    if (type == "notifications") {
      this.#streams.get(channel)?.take(frame.items, replay);
      // On a slow link the answers for the other channels wait behind this one.
      if (replay) streams.forEach((stream) => stream.renew());
      return;
    }
    if (type == "read") return this.#client.channels.get(channel)?.marked(frame);
    // API Gateway's own error does not say which frame failed.
    if (!type) return streams.forEach((stream) => stream.failed());
    const stream = streams.find((stream) => stream.hasAsked(ref));
    if (type == "unsubscribed") {
      stream?.left();
      // A tab has joined the channel meanwhile, and the server may have done the two in either order. Another socket joins all anew.
      const { tabs } = this.#client;
      if (tabs.leads && (tabs.wants(channel) || (!stream && this.#streams.has(channel)))) this.#client.dial();
    } else if (!stream) return;
    else if (type == "subscribed") stream.answered(ref, frame);
    else if (PERMANENT.test(code)) {
      stream.left();
      if (!stream.channel.gone) this.#client.refuse(stream.channel, new TidingsError(code, detail));
    } else stream.putOff(ref, retry_after);
  }

  /** Asks the questions that are due, the longest waiting first. */
  pump(): void {
    if (this.#over || this.#ws?.readyState != 1) return;
    const streams = this.#streams;
    for (const [name, { channel, joined, ref }] of streams) {
      if (channel.gone && (!joined || (!ref && this.#client.tabs.wants(name)))) streams.delete(name);
    }
    for (const [name, channel] of this.#client.channels) {
      if (channel.ready && !streams.has(name)) streams.set(name, new Stream(channel, this.#client.periods, this));
    }
    let room = (this.#client.tabs.leads ? MOST : FEW) - [...streams.values()].filter((stream) => stream.ref).length;
    for (const [name, stream] of [...streams]) {
      if (room < 1 || !stream.isDue()) continue;
      room--;
      streams.delete(name);
      streams.set(name, stream);
      this.#send(stream.ask(++this.#ref));
    }
    const hasResumed = [...streams.values()].every(({ settled, channel }) => settled || !channel.hasRoom());
    if (hasResumed) this.#client.resumed(this);
  }
}
