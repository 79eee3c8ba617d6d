// A server that keeps the contract, and breaks it where a test says so. It speaks real HTTP and real WebSockets.

import { createServer } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";

const PROBLEM = { "content-type": "application/problem+json" };

export class Stack {
  /** The logs by channel. */
  logs = new Map();
  /** The most items of a page and of a frame. */
  page = 100;
  perFrame = 10;
  /** The speed of the link to a client. Frames wait their turn there. */
  bytesPerSecond = Infinity;
  /** The bytes that were sent to clients. */
  bytes = 0;
  /** Everything that clients have sent, in order. */
  handshakes = [];
  frames = [];
  polls = [];
  reads = [];
  sockets = new Set();
  #hanging = [];
  /** Hooks of a test. One that returns something true replaces the stack's own answer. */
  onHandshake = () => undefined;
  onFrame = () => undefined;
  onPoll = () => undefined;

  static async start() {
    const stack = new Stack();
    stack.http = createServer((request, response) => void stack.#serve(request, response));
    stack.webSockets = new WebSocketServer({ noServer: true, handleProtocols: () => "tidings" });
    stack.http.on("upgrade", (request, socket, head) => void stack.#upgrade(request, socket, head));
    stack.http.listen(0, "127.0.0.1");
    await once(stack.http, "listening");
    const { port } = stack.http.address();
    stack.urls = { http: `http://127.0.0.1:${port}`, websocket: `ws://127.0.0.1:${port}/dev` };
    return stack;
  }

  async stop() {
    for (const { ws } of this.sockets) ws.terminate();
    for (const socket of this.#hanging) socket.destroy();
    this.http.closeAllConnections();
    this.http.close();
    await once(this.http, "close");
  }

  log(channel) {
    if (!this.logs.has(channel)) this.logs.set(channel, { rows: [], newest: 0, read: 0 });
    return this.logs.get(channel);
  }

  /** Appends notifications. Returns their items. */
  append(channel, count = 1, size = 0) {
    const log = this.log(channel);
    const items = Array.from({ length: count }, () => {
      const seq = ++log.newest;
      return { seq, id: `${channel}#${seq}`, sent_at: "2026-11-21T19:45:00.123Z", data: { n: seq, ...(size && { text: "x".repeat(size) }) } };
    });
    log.rows.push(...items);
    return items;
  }

  /** Appends notifications and pushes them. */
  send(channel, count = 1) {
    const items = this.append(channel, count);
    for (const item of items) this.push(channel, [item]);
    return items;
  }

  push(channel, items) {
    for (const socket of this.sockets) {
      if (socket.channels.has(channel)) socket.send({ type: "notifications", channel, items });
    }
  }

  /** The page that a reader gets. */
  read(channel, after, limit = this.page) {
    const { rows, newest } = this.log(channel);
    const unread = channel.startsWith("user:") ? { unread: this.#unread(channel) } : {};
    if (after === undefined) return { seq: newest, recovered: true, more: false, ...unread, items: rows.slice(-50) };
    if (after > newest) return { seq: newest, recovered: false, reset: true, more: false, ...unread, items: [] };
    const later = rows.filter((row) => row.seq > after);
    const items = later.slice(0, limit);
    const more = items.length < later.length;
    const seq = more ? items.at(-1).seq : newest;
    const oldest = rows[0]?.seq ?? newest + 1;
    return { seq, recovered: after >= oldest - 1, more, ...unread, items };
  }

  #unread(channel) {
    const { rows, read } = this.log(channel);
    return rows.filter(({ seq }) => seq > read).length;
  }

  #upgrade(request, socket, head) {
    this.handshakes.push({ url: request.url, protocols: request.headers["sec-websocket-protocol"]?.split(/, */), at: Date.now() });
    // A client may close before the handshake ends: that is no failure.
    socket.on("error", () => {});
    const refused = this.onHandshake(this.handshakes.length, request, socket);
    if (refused === "hang") return this.#hanging.push(socket);
    if (refused) return socket.end(`HTTP/1.1 ${refused} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    this.webSockets.handleUpgrade(request, socket, head, (ws) => this.#accept(ws));
  }

  #accept(ws) {
    const socket = {
      ws,
      number: this.handshakes.length,
      channels: new Set(),
      send: (frame) => {
        const text = typeof frame === "string" ? frame : JSON.stringify(frame);
        this.bytes += text.length;
        if (this.bytesPerSecond === Infinity) return ws.send(text);
        socket.free = Math.max(Date.now(), socket.free ?? 0) + (text.length / this.bytesPerSecond) * 1_000;
        setTimeout(() => ws.send(text), socket.free - Date.now());
      },
      cut: () => ws.terminate(),
    };
    this.sockets.add(socket);
    ws.on("close", () => this.sockets.delete(socket));
    ws.on("error", () => {});
    ws.on("message", (data) => {
      const frame = JSON.parse(data);
      this.frames.push({ ...frame, socket: socket.number, at: Date.now() });
      if (!this.onFrame(frame, socket)) this.answer(frame, socket);
    });
  }

  answer(frame, socket) {
    const { action, channel, after, ref } = frame;
    if (action === "ping") return socket.send({ type: "pong" });
    if (action === "unsubscribe") {
      socket.channels.delete(channel);
      return socket.send({ type: "unsubscribed", channel, ref });
    }
    const unknown = Object.keys(frame).filter((field) => !["action", "channel", "after", "ref"].includes(field));
    if (action !== "subscribe" || unknown.length) throw new Error(`a frame of no known kind: ${JSON.stringify(frame)}`);
    socket.channels.add(channel);
    const { items, ...position } = this.read(channel, after);
    for (let at = 0; at < items.length; at += this.perFrame) {
      socket.send({ type: "notifications", channel, items: items.slice(at, at + this.perFrame), replay: ref });
    }
    socket.send({ type: "subscribed", channel, ...position, ref });
  }

  async #serve(request, response) {
    const url = new URL(request.url, this.urls.http);
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const answer = (status, body, headers = {}) => {
      response.writeHead(status, { ...(status < 400 ? {} : PROBLEM), ...headers });
      response.end(JSON.stringify(body));
    };
    const marked = /^\/v1\/channels\/(.+)\/read$/.exec(decodeURIComponent(url.pathname));
    if (request.method === "POST" && marked) return this.#mark(marked[1], request, answer);
    const poll = { cursors: url.searchParams.getAll("channel"), wait: Number(url.searchParams.get("wait")), token };
    this.polls.push({ ...poll, at: Date.now() });
    response.on("close", () => (poll.gone = !response.writableFinished));
    const instead = await this.onPoll({ ...poll, number: this.polls.length }, answer);
    if (!instead) answer(200, { channels: await this.#wait(poll) });
  }

  async #mark(channel, request, answer) {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { seq } = JSON.parse(body);
    this.reads.push({ channel, seq });
    const log = this.log(channel);
    log.read = Math.max(log.read, Math.min(seq, log.newest));
    answer(200, { channel, seq: log.read, unread: this.#unread(channel) });
  }

  async #wait(poll) {
    const cursors = poll.cursors.map((cursor) => /^([^:]+:[^:]+)(?::(\d+))?$/.exec(cursor).slice(1));
    for (const end = Date.now() + poll.wait * 1_000; ; await sleep(5)) {
      const channels = cursors.map(([channel, seq]) => ({
        channel,
        ...this.read(channel, seq === undefined ? undefined : Number(seq), Math.min(this.page, 50)),
      }));
      if (poll.gone || Date.now() >= end || channels.some(({ items, reset }) => items.length || reset)) return channels;
    }
  }
}
