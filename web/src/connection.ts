/* One terminal's websocket, kept up: absolute offsets, resume, resend of input the shell has not been given.
   Knows: protocol.ts and time. Doesn't know the DOM, xterm.js, sandboxes or steps; sockets and clocks are handed in,
   so all of it runs in a test without a browser.

   Input is a window `pending` that begins at absolute offset `base`: the server's `accepted` moves `base` on, a cut
   keeps what is pending, `hello` says how much of it the shell was given, and the rest is sent once more. A hello of
   another shell empties the window: what was meant for a shell that is gone is never typed into the next. */

import { backoff } from "./backoff";
import { ACK_EVERY, type ClientMessage, type Hello, isFinalClose, type LeaseNotice, parseServerMessage, type Presented } from "./protocol";

export interface SocketLike {
  onmessage: ((data: string | Uint8Array) => void) | null;
  onclose: ((code: number, reason: string) => void) | null;
  send(data: string | Uint8Array): void;
  close(): void;
}

export interface World {
  /** Opens a socket; `output` is the offset to resume from in the shell called `terminal`, undefined for a replay. */
  open(output: number | undefined, terminal: string | undefined): SocketLike;
  /** Calls back after `ms`; returns what cancels it. */
  later(ms: number, call: () => void): () => void;
  random(): number; // 0…1
}

export type LinkState =
  | { name: "idle" }
  | { name: "connecting" }
  | { name: "open" }
  | { name: "waiting"; attempt: number; ms: number } // cut; tries again after `ms`
  | { name: "closed"; code: number; reason: string }; // stays closed until open() is called

export interface ConnectionEvents {
  state(state: LinkState): void;
  /** A shell answers, and goes on at `output`. `fresh`: what the screen shows is not its past: clear it.
      `replayEnd`: bytes before it are old; null where the server doesn't say. */
  attached(fresh: boolean, output: number, replayEnd: number | null): void;
  data(bytes: Uint8Array, offset: number): void;
  /** The viewer fell behind: bytes are missing; the screen must be cleared. */
  gap(): void;
  /** Another window gave the terminal this size. */
  sized(cols: number, rows: number): void;
  /** Input the shell never got and never will, in bytes. */
  dropped(count: number): void;
  pong(): void;
  /** When the sandbox ends. */
  lease(notice: LeaseNotice): void;
  presented(to: Presented[]): void;
  exit(code: number | null, reason: string): void;
}

const PING_EVERY = 25_000; // ms
const PONG_WITHIN = 15_000; // ms
const HELLO_WITHIN = 20_000; // ms; what is opened into a network that swallows it would wait for minutes after it is back
const SEND_AT_ONCE = 65_536; // bytes in one frame, far under MAX_FRAME
export const MAX_PENDING = 1 << 20; // bytes of input kept through a cut

export class Connection {
  state: LinkState = { name: "idle" };
  private socket: SocketLike | null = null;
  private greeted = false; // this socket has said hello
  private ended = false; // this shell has said exit
  private terminal: string | null = null;
  private output: number | null = null; // offset of the next byte expected
  private acked = 0;
  private base = 0;
  private pending = new Uint8Array(0);
  private attempt = 0;
  private cancelRetry: (() => void) | null = null;
  private cancelPing: (() => void) | null = null;

  constructor(
    private readonly world: World,
    private readonly events: ConnectionEvents,
  ) {}

  /** Connect, or try again at once; nothing happens where a socket is up or on its way. */
  open(): void {
    if (this.socket) return;
    this.cancelRetry?.();
    this.cancelRetry = null;
    if (this.ended) this.forget();
    this.ended = false;
    this.greeted = false;
    this.become({ name: "connecting" });
    let socket: SocketLike;
    try {
      socket = this.world.open(this.output ?? undefined, this.terminal ?? undefined);
    } catch {
      this.retry();
      return;
    }
    this.socket = socket;
    socket.onmessage = (data) => {
      if (this.socket === socket) this.receive(data);
    };
    socket.onclose = (code, reason) => {
      if (this.socket === socket) this.lost(code, reason);
    };
    this.cancelPing = this.world.later(HELLO_WITHIN, () => this.lost(1006, "no answer"));
  }

  /** Close for good; input that the shell was not given is forgotten. */
  close(): void {
    this.cut();
    this.cancelRetry?.();
    this.cancelRetry = null;
    this.forget();
    this.become({ name: "idle" });
  }

  /** Type. False where too much waits already (none of it is taken then). */
  input(bytes: Uint8Array): boolean {
    if (this.ended || this.state.name === "closed" || this.state.name === "idle") return false;
    if (this.pending.length + bytes.length > MAX_PENDING) return false;
    const joined = new Uint8Array(this.pending.length + bytes.length);
    joined.set(this.pending);
    joined.set(bytes, this.pending.length);
    this.pending = joined;
    if (this.greeted) this.transmit(bytes);
    return true;
  }

  resize(cols: number, rows: number): void {
    if (this.greeted) this.say({ type: "resize", cols, rows });
  }

  /** Everything before `offset` is on the screen. */
  shown(offset: number): void {
    if (!this.greeted || offset - this.acked < ACK_EVERY) return;
    this.acked = offset;
    this.say({ type: "ack", output: offset });
  }

  ping(): void {
    if (this.greeted) this.say({ type: "ping" });
  }

  private receive(data: string | Uint8Array): void {
    if (typeof data !== "string") {
      if (this.output === null) return; // bytes before hello have no place
      const at = this.output;
      this.output += data.length;
      this.events.data(data, at);
      return;
    }
    const message = parseServerMessage(data);
    if (!message) return;
    if (message.type === "hello") this.hello(message);
    else if (message.type === "accepted") this.accept(message.input);
    else if (message.type === "gap") this.jump(message.output);
    else if (message.type === "size") this.events.sized(message.cols, message.rows);
    else if (message.type === "pong") this.alive();
    else if (message.type === "lease") this.events.lease(message);
    else if (message.type === "presented") this.events.presented(message.to);
    else {
      this.ended = true;
      this.cancelPing?.();
      this.drop();
      this.events.exit(message.code, message.reason);
    }
  }

  private hello(message: Hello): void {
    const again = this.greeted;
    const same = this.terminal === message.terminal;
    const goesOn = same && this.output === message.output;
    if (this.terminal !== null && !same) this.drop();
    this.terminal = message.terminal;
    this.output = message.output;
    if (same && message.input < this.base) this.drop(); // the server forgot its count: better a key lost than twice
    if (same) this.accept(message.input);
    this.base = message.input;
    if (again) {
      // The same socket said hello twice: what is pending is on its way already.
      if (!goesOn) this.events.attached(true, message.output, message.end);
      return;
    }
    this.greeted = true;
    this.attempt = 0;
    this.acked = message.output;
    this.become({ name: "open" });
    this.events.attached(!goesOn, message.output, message.end);
    if (this.pending.length) this.transmit(this.pending);
    this.schedulePing();
  }

  private accept(input: number): void {
    if (input <= this.base) return;
    this.pending = this.pending.slice(input - this.base);
    this.base = input;
  }

  private jump(output: number): void {
    this.output = output;
    this.acked = output;
    this.events.gap();
  }

  private drop(): void {
    const count = this.pending.length;
    this.pending = new Uint8Array(0);
    if (count) this.events.dropped(count);
  }

  private forget(): void {
    this.drop();
    this.terminal = null;
    this.output = null;
    this.base = 0;
    this.attempt = 0;
    this.ended = false;
  }

  private transmit(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += SEND_AT_ONCE) this.socket?.send(bytes.slice(at, at + SEND_AT_ONCE));
  }

  private say(message: ClientMessage): void {
    this.socket?.send(JSON.stringify(message));
  }

  private lost(code: number, reason: string): void {
    this.cut();
    if (this.ended || isFinalClose(code)) {
      this.drop();
      this.become({ name: "closed", code, reason });
    } else this.retry();
  }

  private cut(): void {
    const socket = this.socket;
    this.socket = null;
    this.greeted = false;
    this.cancelPing?.();
    this.cancelPing = null;
    if (!socket) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  private retry(): void {
    const ms = backoff(this.attempt, this.world.random());
    this.attempt += 1;
    this.cancelRetry = this.world.later(ms, () => this.open());
    this.become({ name: "waiting", attempt: this.attempt, ms });
  }

  private schedulePing(): void {
    this.cancelPing?.();
    this.cancelPing = this.world.later(PING_EVERY, () => {
      this.ping();
      this.cancelPing = this.world.later(PONG_WITHIN, () => this.lost(1006, "no answer"));
    });
  }

  private alive(): void {
    this.schedulePing();
    this.events.pong();
  }

  private become(state: LinkState): void {
    this.state = state;
    this.events.state(state);
  }
}
