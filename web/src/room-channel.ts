/* The page's channel into the rooms of the learner's classes: what holds there now, and where the learner is.
   Knows the messages of docs/develop/protocol.md, and reconnecting. Doesn't know the DOM; who wants to know subscribes.
   What is told is a state, whole: a page that was away for a while knows as much as the others. */

import { backoff } from "./backoff";
import { later } from "./later";
import { CLOSE_NOT_SIGNED_IN, isFinalClose } from "./protocol";

/** A class as its learner's page sees it. What is optional comes from a part of the server that may have nothing to say. */
export interface RoomView {
  id: string;
  title: string;
  state: "planned" | "open" | "closed" | "archived";
  name: string; // the learner's
  hand?: { since: number; question: string; before?: number } | null; // raised; `before`: how many were before it
  watchers?: string[]; // who looks at a terminal of the learner now
  typing?: { by: string; state: "asked" | "granted" } | null;
  message?: { text: string; by: string; at: number } | null;
  here?: { lesson: string; step: string; title: string; part: string; url: string; by: string; at?: number } | null; // `part`: the step in words, or ""
  paused?: { by: string; at: number } | null;
  closes_in?: number | null; // seconds until the class ends, where that was announced
  ending?: { by: string; at: number } | null; // it was ended with a countdown; null: it closes by itself
  reset?: { by: string; at: number } | null; // an instructor reset the learner's sandbox
  present?: { by: string; session: string; at: number } | null; // a terminal that everybody is shown
  recording?: { asked: boolean; consented: boolean };
}

export interface Wire {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Surroundings {
  open(): Wire;
  later(ms: number, call: () => void): () => void;
  random(): number; // 0…1
}

/** The browser's own, with a channel at `path`. */
export const surroundings = (path: string): Surroundings => ({
  open: () => {
    const socket = new WebSocket(location.origin.replace(/^http/, "ws") + path);
    socket.binaryType = "arraybuffer";
    return socket as unknown as Wire;
  },
  later,
  random: Math.random,
});

export class RoomChannel {
  views: RoomView[] = [];
  /** When `views` came, of performance.now: what counts down counts from here. */
  told = 0;
  private listeners = new Set<() => void>();
  private wire: Wire | null = null;
  private open_ = false;
  private attempt = 0;
  private cancel: (() => void) | null = null;
  private place = ""; // the last "at", said again to a new server

  constructor(private readonly around: Surroundings = surroundings("/api/room")) {}

  /** Called at every change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Connect; or anew, where the learner is in other classes now. */
  start(): void {
    this.stop();
    this.connect();
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
    const wire = this.wire;
    this.wire = null;
    this.open_ = false;
    if (wire) {
      wire.onopen = wire.onmessage = wire.onclose = null;
      wire.close();
    }
    this.become([]);
  }

  at(lesson: string, step: string): void {
    const text = JSON.stringify({ type: "at", lesson, step });
    if (text === this.place) return;
    this.place = text;
    this.send(text);
  }

  /** A command ended in a terminal. */
  did(failed: boolean): void {
    this.send(JSON.stringify({ type: "did", failed }));
  }

  hinted(): void {
    this.send(JSON.stringify({ type: "hint" }));
  }

  private send(text: string): void {
    if (this.open_) this.wire?.send(text);
  }

  private connect(): void {
    const wire = this.around.open();
    this.wire = wire;
    wire.onopen = () => {
      this.attempt = 0;
      this.open_ = true;
      if (this.place) this.send(this.place);
    };
    wire.onmessage = ({ data }) => this.receive(data);
    wire.onclose = ({ code }) => {
      this.wire = null;
      this.open_ = false;
      if (isFinalClose(code) && code !== CLOSE_NOT_SIGNED_IN) return;
      this.cancel = this.around.later(backoff(this.attempt++, this.around.random()), () => this.connect());
    };
  }

  /** Something that is shown of it changed on this page. */
  again(): void {
    for (const listener of [...this.listeners]) listener();
  }

  private receive(data: unknown): void {
    if (typeof data !== "string") return;
    try {
      const message = JSON.parse(data) as { type?: unknown; classes?: unknown };
      if (message.type === "room" && Array.isArray(message.classes)) this.become(message.classes as RoomView[]);
    } catch {
      // not ours: the next one may be
    }
  }

  private become(views: RoomView[]): void {
    this.views = views;
    this.told = performance.now();
    this.again();
  }
}
