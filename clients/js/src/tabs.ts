import type { Connection } from "./connection.js";
import type { State } from "./types.js";

/** The leader forgets a tab of which it has heard nothing for that long: it is gone, or frozen. */
const GONE = 18e4;
/** So often a tab that follows asks the leader how it stands. */
const BEAT = 1e3;
/** A leader that leaves so many questions in a row unanswered is frozen. It takes two: a tab that was frozen itself has had no time to read an answer. */
const UNANSWERED = 2;

/** What a tab that has no socket says. */
interface Question {
  /** Who asks. */
  id: number;
  /** The term for which its line is open. */
  term: number | undefined;
  /** The names of all channels that it listens to. */
  channels: string[];
  /** The network may be back, or have failed. */
  wake?: boolean;
  /** What is to go over the socket. */
  frame?: string;
}

/** What the leader says. */
interface Answer {
  /** Each leader begins a new term, with a greater number, and so does each socket of its. */
  term: number;
  state: State;
  /** Whom it answers. Left out: it is for all. */
  id?: number;
  /** What has come over the socket. */
  frame?: string;
}

/** What a tab that follows has in place of a WebSocket. */
interface Line extends Connection {
  readyState: number;
  /** That for which it is open. */
  term?: number;
}

/** The client of this tab. */
interface Tab {
  /** How it stands. */
  readonly stands: State | undefined;
  readonly channels: ReadonlyMap<string, unknown>;
  /** The socket that it has, where it leads. */
  readonly current: { drop(channel: string): void; relay(frame: string): void } | undefined;
  /** The name of the tabs that share one socket. */
  group(): Promise<string>;
  /** It leads now, or no longer does. */
  moved(): void;
  /** The leader stands like this. */
  follow(state: State): void;
  /** The network may be back. */
  wakeUp(): void;
}

/** The tabs of one user: one of them leads, and has the socket; the others follow, and get everything through it. */
export class Tabs {
  /** This one has the socket, or shares none. */
  leads: boolean;
  #client: Tab;
  #id = Math.random();
  #name = "";
  #wire: BroadcastChannel | undefined;
  /** The newest that is known. */
  #term = 0;
  #line: Partial<Line> = {};
  /** So often the leader was asked in vain. */
  #unanswered = 0;
  /** By id, what the others asked last, and when. */
  #followers = new Map<number, Question & { at: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Lets another tab lead. */
  #release: (() => void) | undefined;

  constructor(client: Tab, isAlone: boolean) {
    this.#client = client;
    this.leads = isAlone;
  }

  /** A line to the leader, or nothing where this tab is to open a socket. */
  async line(): Promise<Connection | undefined> {
    if (!this.leads && !this.#name) {
      this.#name = await this.#client.group();
      // It may have been closed meanwhile.
      if (!this.leads) this.#join();
    }
    if (this.leads) return;
    const line: Line = {
      readyState: 0,
      send: (frame) => this.ask({ frame }),
      close() {
        line.term = 0;
      },
    };
    this.#line = line;
    this.ask();
    return line;
  }

  #join(): void {
    try {
      this.#wire = new BroadcastChannel(this.#name);
      this.#wire.onmessage = ({ data }) => (this.leads ? this.#serve(data) : this.#hear(data));
      this.#request({});
      this.#beat();
    } catch {
      // There are no locks here, or no channels, or this page may not use them: it shares nothing.
      this.close();
    }
  }

  close(): void {
    this.leads = true;
    clearTimeout(this.#timer);
    this.#wire?.close();
    this.#wire = undefined;
    this.#release?.();
  }

  #request(options: LockOptions): void {
    const hold = () => this.#wire && new Promise<void>((release) => {
      this.#release = release;
      this.leads = true;
      this.turn();
      this.#client.moved();
    });
    navigator.locks.request(this.#name, options, hold).catch(({ name }) => {
      if (!this.#wire) return;
      // Another tab has stolen it, or this page may have none.
      if (name == "AbortError") this.#request({});
      else this.close();
      this.leads = !this.#wire;
      this.#client.moved();
    });
  }

  /** This tab leads from now on, or has a new socket: those that follow ask anew. */
  turn(): void {
    if (!this.leads) return;
    this.#term = Math.max(Date.now(), this.#term + 1);
    this.#followers.clear();
    this.tell();
  }

  /** Tells all how the leader stands, or one that asks, or passes on what is for all. */
  tell(answer?: Partial<Answer>): void {
    if (this.leads) this.#wire?.postMessage({ term: this.#term, state: this.#client.stands!, ...answer });
  }

  /** Whether a tab that follows listens to a channel. The leader alone says that to the server. */
  wants(channel: string): boolean {
    return !this.leads || [...this.#followers.values()].some(({ channels }) => channels.includes(channel));
  }

  /** Asks the leader how it stands, or for something. */
  ask(question?: Partial<Question>): void {
    const channels = [...this.#client.channels.keys()];
    this.#wire?.postMessage({ id: this.#id, term: this.#line.term, channels, ...question });
  }

  /** Asks the leader again and again, since one that is frozen does not say so. The leader looks who asks no more. */
  #beat(): void {
    this.#timer = setTimeout(() => {
      if (this.leads) {
        for (const [id, { at, channels }] of this.#followers) {
          if (Date.now() > at + GONE && this.#followers.delete(id)) this.#drop(channels);
        }
      } else if (this.#unanswered++ < UNANSWERED) this.ask();
      else {
        this.#unanswered = 0;
        this.#request({ steal: true });
      }
      this.#beat();
    }, BEAT);
  }

  #drop(channels: string[]): void {
    for (const channel of channels) this.#client.current?.drop(channel);
  }

  #serve(question: Question): void {
    const { id, term, channels, wake, frame } = question;
    // It is another leader's: this tab does not know yet that it no longer leads.
    if (!channels) return;
    const isOpen = term == this.#term;
    const before = this.#followers.get(id);
    // It was frozen for so long that its channels were left.
    if (isOpen && !before) return this.tell({ id, state: "connecting" });
    this.#followers.set(id, { ...question, at: Date.now() });
    // Where they still listen to one, nothing is said.
    if (before) this.#drop(before.channels);
    if (wake) this.#client.wakeUp();
    if (!frame) this.tell({ id });
    else if (isOpen) this.#client.current?.relay(frame);
  }

  #hear({ term, state, id, frame }: Answer): void {
    const line = this.#line;
    // It is another tab that follows, or one that led, and does not know yet that it no longer does.
    if (!state || term < this.#term) return;
    this.#term = term;
    this.#unanswered = 0;
    if (state != "live") {
      if (line.term) line.onclose!(0);
      this.#client.follow(state);
    } else if (line.term == term) {
      if (frame) line.onmessage!({ data: frame });
    } else if (line.term) line.onclose!(0);
    else if (id != this.#id) this.ask();
    else {
      line.term = term;
      line.readyState = 1;
      line.onopen!(0);
    }
  }
}
