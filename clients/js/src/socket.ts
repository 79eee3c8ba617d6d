import type { Channel } from "./channel.js";
import type { Connection } from "./connection.js";
import { TidingsError } from "./error.js";
import { Stream } from "./stream.js";
import type { Tabs } from "./tabs.js";
import { about, grown, type Timing } from "./timing.js";

/** So many questions may be under way at once. The server answers each by writing to one record of the connection. */
const MOST = 4;
/** Of a tab that has no socket of its own, so many. */
const FEW = 2;
/** What asking again does not mend. Any other error of a channel may pass. */
const PERMANENT = /^(forbidden|not_found|invalid_|too_many_s|unknown_)/;
/** These are about the connection, not about a channel. */
const OVER = /_token$|^connection_gone$/;
/** No ping is later: API Gateway cuts a connection on which nothing passes for ten minutes. */
const LATEST_PING = 54e4;

/** The client that opens sockets, and has the channels that they feed. */
interface Owner {
  readonly periods: Timing;
  readonly channels: ReadonlyMap<string, Channel>;
  readonly tabs: Tabs;
  /** The socket that all channels are on. */
  readonly current: unknown;
  handshake(): Promise<Connection>;
  /** A socket has all channels. */
  resumed(socket: Socket): void;
  /** A socket came to nothing, or to an end. The next one is to wait that long at least. */
  lost(socket: Socket, isSilent: boolean, wait: number): void;
  /** Opens another socket, to take the place of this one. */
  dial(): void;
  /** The server does not want to give a channel. */
  refuse(channel: Channel, error: TidingsError): void;
  tellOnce(error: TidingsError): void;
}

/** One WebSocket, or a line to the tab that has it: asks for what its channels miss, and sees to it that it is alive. */
export class Socket {
  /** The pings that were answered, on this socket and on those that it replaced. The more there are, the rarer are the next. */
  answered = 0;
  /** Something was heard on it. */
  #heard: boolean | undefined;
  #client: Owner;
  #ws: Connection | undefined;
  /** By the channel's name. One that was left, and perhaps joined anew, stays until the server knows. */
  #streams = new Map<string, Stream>();
  /** Each tab begins elsewhere, so that answers say by themselves whom they are for. */
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
        // It may be a proxy's that lets no frame pass.
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

  /** Nobody is told: whoever closes it knows. */
  close(): void {
    this.#over = true;
    clearTimeout(this.#alarm);
    for (const stream of this.#streams.values()) stream.stop();
    this.#ws?.close();
  }

  giveUp(): void {
    this.#end(!this.#heard);
  }

  /** Finds out whether it is still alive. One that is being asked is not given more time. */
  check(): void {
    if (!this.#pinged && this.#ws?.readyState == 1) this.#listen(0);
  }

  /** Something must be heard in this time. */
  #expect(time: number): void {
    this.#wait(time, () => this.giveUp());
  }

  /** Pings if nothing is heard in this time. */
  #listen(time: number): void {
    this.#wait(time, () => {
      this.#pinged = true;
      this.#send({ action: "ping" });
      this.#expect(this.#client.periods.pong);
    });
  }

  #wait(time: number, then: () => void): void {
    clearTimeout(this.#alarm);
    // The tab that has the socket sees to it.
    if (!this.#over && this.#client.tabs.leads) this.#alarm = setTimeout(then, time);
  }

  #send(frame: object): void {
    this.relay(JSON.stringify(frame));
  }

  /** Sends what another tab asks. */
  relay(frame: string): void {
    this.#ws!.send(frame);
  }

  /** Another tab listens to a channel no more. */
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
      // Whatever it brought, only a new connection brings it again.
      this.giveUp();
    }
    this.pump();
    this.#listen(Math.min(LATEST_PING, about(grown(this.#client.periods.ping, this.answered + 1))));
  }

  #received(frame: any, data: string): void {
    const { type, channel, ref, code, detail, retry_after, replay } = frame;
    const streams = [...this.#streams.values()];
    if (/^too_many_co/.test(code)) {
      // One more at once would close another one of this user's.
      this.#client.tellOnce(new TidingsError(code, detail));
      return this.#end(false, about(this.#client.periods.upgrade[1]));
    }
    if (OVER.test(code)) return this.giveUp();
    if (this.#client.current == this) this.#client.tabs.tell({ frame: data });
    if (type == "notifications") {
      this.#streams.get(channel)?.take(frame.items, replay);
      // On a slow link the others' answers wait behind this one.
      if (replay) streams.forEach((stream) => stream.renew());
      return;
    }
    if (type == "read") return this.#client.channels.get(channel)?.marked(frame);
    // API Gateway's own error does not say which frame failed.
    if (!type) return streams.forEach((stream) => stream.failed());
    const stream = streams.find((stream) => stream.hasAsked(ref));
    if (type == "unsubscribed") {
      stream?.left();
      // Somebody has joined meanwhile, and the two may have overtaken each other: another socket joins all anew.
      if (this.#client.tabs.leads && (stream ? this.#client.tabs.wants(channel) : this.#streams.has(channel))) this.#client.dial();
    } else if (!stream) return;
    else if (type == "subscribed") stream.answered(ref, frame);
    else if (PERMANENT.test(code)) {
      stream.left();
      if (!stream.channel.gone) this.#client.refuse(stream.channel, new TidingsError(code, detail));
    } else stream.putOff(ref, retry_after);
  }

  /** Asks what may be asked now, the longest waiting first. */
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
