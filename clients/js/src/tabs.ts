import type { Connection } from "./connection.js";
import type { State } from "./types.js";

/** The leader forgets a tab that is silent for longer than this: it is gone, or frozen. */
const GONE = 18e4;
/** The interval at which a follower asks the leader for its state. */
const BEAT = 1e3;
/** A leader that leaves so many questions in a row unanswered is frozen. One is not enough: a follower that was frozen itself has had no time to read an answer. */
const UNANSWERED = 2;

/** A message of a follower. */
interface Question {
  /** The tab that asks. */
  id: number;
  /** The term for which its line is open. */
  term: number | undefined;
  /** The names of all channels that it listens to. */
  channels: string[];
  /** The network may be back, or have failed. */
  wake?: boolean;
  /** The frame to send over the socket. */
  frame?: string;
}

/** A message of the leader. */
interface Answer {
  /** The leader's term. Each leader, and each new socket of a leader, begins a new one with a greater number. */
  term: number;
  state: State;
  /** The tab that it answers. Left out: it is for all. */
  id?: number;
  /** The frame that came over the socket. */
  frame?: string;
}

/** The line to the leader, which a follower has in place of a WebSocket. */
interface Line extends Connection {
  readyState: number;
  /** The term for which it is open. */
  term?: number;
}

/** The client of this tab. */
interface Tab {
  /** The client's state. */
  readonly stands: State | undefined;
  readonly channels: ReadonlyMap<string, unknown>;
  /** The socket of this tab, if it leads. */
  readonly current: { drop(channel: string): void; relay(frame: string): void } | undefined;
  /** The name of the tabs that share one socket. */
  group(): Promise<string>;
  /** This tab has begun or ceased to lead. */
  moved(): void;
  /** Takes on the leader's state. */
  follow(state: State): void;
  /** The network may be back. */
  wakeUp(): void;
}

/** The tabs of one user. One of them leads, and has the socket. The others follow, and get everything through the leader. */
export class Tabs {
  /** This tab has the socket, or shares none. */
  leads: boolean;
  #client: Tab;
  #id = Math.random();
  #name = "";
  #wire: BroadcastChannel | undefined;
  /** The newest known term. */
  #term = 0;
  #line: Partial<Line> = {};
  /** The questions in a row that the leader has not answered. */
  #unanswered = 0;
  /** The last question of each other tab and its time, by id. */
  #followers = new Map<number, Question & { at: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Lets another tab lead. */
  #release: (() => void) | undefined;

  constructor(client: Tab, isAlone: boolean) {
    this.#client = client;
    this.leads = isAlone;
  }

  /** A line to the leader, or nothing if this tab is to open a socket. */
  async line(): Promise<Connection | undefined> {
    if (!this.leads && !this.#name) {
      this.#name = await this.#client.group();
      // The client may have been closed meanwhile.
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
      // Locks or channels are missing, or this page may not use them. It shares nothing.
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
      // Another tab has taken the lock, or this page may have none.
      if (name == "AbortError") this.#request({});
      else this.close();
      this.leads = !this.#wire;
      this.#client.moved();
    });
  }

  /** Begins a new term, in which the followers ask anew: this tab has begun to lead, or has a new socket. */
  turn(): void {
    if (!this.leads) return;
    this.#term = Math.max(Date.now(), this.#term + 1);
    this.#followers.clear();
    this.tell();
  }

  /** Sends the leader's state: to all, to the tab that asked, or with a frame for all. */
  tell(answer?: Partial<Answer>): void {
    if (this.leads) this.#wire?.postMessage({ term: this.#term, state: this.#client.stands!, ...answer });
  }

  /** Whether a follower listens to a channel. A follower itself returns `true`: only the leader leaves channels at the server. */
  wants(channel: string): boolean {
    return !this.leads || [...this.#followers.values()].some(({ channels }) => channels.includes(channel));
  }

  /** Asks the leader for its state, or for something else. */
  ask(question?: Partial<Question>): void {
    const channels = [...this.#client.channels.keys()];
    this.#wire?.postMessage({ id: this.#id, term: this.#line.term, channels, ...question });
  }

  /** Asks the leader at intervals, since a frozen tab does not say that it is frozen. The leader looks for silent followers. */
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
    // A message of another leader: this tab does not know yet that it no longer leads.
    if (!channels) return;
    const isOpen = term == this.#term;
    const before = this.#followers.get(id);
    // The follower was frozen for so long that the leader has left its channels.
    if (isOpen && !before) return this.tell({ id, state: "connecting" });
    this.#followers.set(id, { ...question, at: Date.now() });
    // A channel that a tab still listens to stays.
    if (before) this.#drop(before.channels);
    if (wake) this.#client.wakeUp();
    if (!frame) this.tell({ id });
    else if (isOpen) this.#client.current?.relay(frame);
  }

  #hear({ term, state, id, frame }: Answer): void {
    const line = this.#line;
    // A message of another follower, or of an old leader that does not know yet that it no longer leads.
    if (!state || term < this.#term ) return;
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
