import type { Client } from "./client.js";
import { TidingsError } from "./error.js";
import { Stream } from "./stream.js";
import { about, grown } from "./timing.js";

/** So many questions may be under way at once. The server answers each by writing to one record of the connection. */
const MOST = 4;
/** What asking again does not mend. Any other error of a channel may pass. */
const PERMANENT = /^(forbidden|not_found|invalid_|too_many_s|unknown_)/;
/** These are about the connection, not about a channel. */
const OVER = /_token$|^connection_gone$/;
/** No ping is later: API Gateway cuts a connection on which nothing passes for ten minutes. */
const LATEST_PING = 54e4;

/** One WebSocket: asks for what its channels miss, and sees to it that it is alive. */
export class Socket {
  /** Whether anything was ever heard on it. */
  heard = false;
  #client: Client;
  #ws: WebSocket | undefined;
  /** By the channel's name. One that was left, and perhaps joined anew, stays until the server knows. */
  #streams = new Map<string, Stream>();
  #ref = 0;
  #alarm: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  /** A ping waits for its answer. */
  #pinged = false;
  /** How many pings were answered: the more, the longer it has been well. */
  #answered = 0;

  constructor(client: Client) {
    this.#client = client;
    void this.#open();
  }

  async #open(): Promise<void> {
    try {
      const ws = await this.#client.handshake();
      this.#ws = ws;
      ws.onopen = () => {
        // It may be a proxy's that lets no frame pass.
        this.#listen(this.#client.timing.pong);
        this.pump();
      };
      ws.onmessage = ({ data }) => this.#hear(data);
      ws.onclose = ws.onerror = () => this.giveUp();
      if (this.#over) ws.close();
      else this.#expect(this.#client.timing.connect);
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
    this.#end(!this.heard);
  }

  /** Finds out whether it is still alive. One that is being asked is not given more time. */
  check(): void {
    if (!this.#pinged && this.#ws?.readyState == 1) this.#listen(0);
  }

  /** Something must be heard in this time. */
  #expect(time: number): void {
    clearTimeout(this.#alarm);
    this.#alarm = setTimeout(() => this.giveUp(), time);
  }

  /** Pings if nothing is heard in this time. */
  #listen(time: number): void {
    clearTimeout(this.#alarm);
    this.#alarm = setTimeout(() => {
      this.#pinged = true;
      this.#send({ action: "ping" });
      this.#expect(this.#client.timing.pong);
    }, time);
  }

  #send(frame: object): void {
    this.#ws!.send(JSON.stringify(frame));
  }

  #hear(data: string): void {
    if (this.#over) return;
    this.heard = true;
    if (this.#pinged) this.#answered++;
    this.#pinged = false;
    this.#listen(Math.min(LATEST_PING, about(grown(this.#client.timing.ping, this.#answered + 1))));
    try {
      this.#received(JSON.parse(data));
    } catch {
      // Whatever it brought, only a new connection brings it again.
      this.giveUp();
    }
    this.pump();
  }

  #received(frame: any): void {
    const { type, channel, ref, code, detail, retry_after } = frame;
    const streams = [...this.#streams.values()];
    if (type == "notifications") {
      const isAnswer = this.#streams.get(channel)?.take(frame.items, frame.replay);
      // On a slow link the others' answers wait behind this one.
      if (isAnswer) streams.forEach((stream) => stream.renew());
      return;
    }
    if (type == "read") return this.#client.channels.get(channel)?.marked(frame);
    if (/^too_many_co/.test(code)) {
      // One more at once would close another one of this user's.
      this.#client.tellOnce(new TidingsError(code, detail));
      return this.#end(false, about(this.#client.timing.upgrade[1]));
    }
    if (OVER.test(code)) return this.giveUp();
    // API Gateway's own error does not say which frame failed.
    if (!type) return streams.forEach((stream) => stream.failed());
    const stream = streams.find((stream) => stream.hasAsked(ref));
    if (!stream) return;
    if (type == "subscribed") stream.answered(ref, frame);
    else if (type == "unsubscribed") stream.left();
    else if (PERMANENT.test(code)) {
      stream.left();
      if (!stream.channel.gone) this.#client.refuse(stream.channel, new TidingsError(code, detail));
    } else stream.putOff(ref, retry_after);
  }

  /** Asks what may be asked now, the longest waiting first. */
  pump(): void {
    if (this.#over || this.#ws?.readyState != 1) return;
    const streams = this.#streams;
    for (const [name, { channel, joined }] of streams) if (channel.gone && !joined) streams.delete(name);
    for (const [name, channel] of this.#client.channels) {
      if (channel.ready && !streams.has(name)) streams.set(name, new Stream(channel, this.#client.timing, this));
    }
    let room = MOST - [...streams.values()].filter((stream) => stream.ref).length;
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
