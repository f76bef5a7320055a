/* A world without a browser: sockets that a test speaks for, and timers that it fires. */

import type { ConnectionEvents, LinkState, SocketLike, World } from "../src/connection";
import type { LeaseNotice, Presented } from "../src/protocol";
import type { Screen } from "../src/session";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

export class FakeSocket implements SocketLike {
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  typed = ""; // input bytes, as text
  said: { type: string; [field: string]: unknown }[] = [];
  closed = false;

  constructor(readonly output: number | undefined) {}

  send(data: string | Uint8Array): void {
    if (typeof data === "string") this.said.push(JSON.parse(data));
    else this.typed += text(data);
  }
  close(): void {
    this.closed = true;
  }
  hello(terminal: string, output: number, input: number, end: number | null = output): void {
    this.tell({ type: "hello", terminal, output, input, ...(end === null ? {} : { end }) });
  }
  tell(message: object): void {
    this.onmessage?.(JSON.stringify(message));
  }
  print(data: string): void {
    this.onmessage?.(bytes(data));
  }
  cut(code = 1006, reason = ""): void {
    this.onclose?.(code, reason);
  }
}

export class FakeWorld implements World {
  sockets: FakeSocket[] = [];
  timers: { ms: number; call: () => void }[] = [];

  open(output: number | undefined): FakeSocket {
    const socket = new FakeSocket(output);
    this.sockets.push(socket);
    return socket;
  }
  later(ms: number, call: () => void): () => void {
    const timer = { ms, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  random = (): number => 0.5;

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }
  /** Let the next timer go off. */
  fire(): void {
    this.timers.shift()?.call();
  }
}

export class Log implements ConnectionEvents {
  states: LinkState[] = [];
  attachments: { fresh: boolean; output: number; end: number | null }[] = [];
  output = "";
  gaps = 0;
  lost = 0;
  sizes: [number, number][] = [];
  pongs = 0;
  notices: LeaseNotice[] = [];
  shown: Presented[][] = [];
  exits: { code: number | null; reason: string }[] = [];

  state(state: LinkState): void {
    this.states.push(state);
  }
  attached(fresh: boolean, output: number, end: number | null): void {
    this.attachments.push({ fresh, output, end });
  }
  data(data: Uint8Array): void {
    this.output += text(data);
  }
  gap(): void {
    this.gaps += 1;
  }
  sized(cols: number, rows: number): void {
    this.sizes.push([cols, rows]);
  }
  dropped(count: number): void {
    this.lost += count;
  }
  pong(): void {
    this.pongs += 1;
  }
  lease(notice: LeaseNotice): void {
    this.notices.push(notice);
  }
  presented(to: Presented[]): void {
    this.shown.push(to);
  }
  exit(code: number | null, reason: string): void {
    this.exits.push({ code, reason });
  }
}

export class FakeScreen implements Screen {
  cols = 80;
  rows = 24;
  bracketedPaste = false;
  old = false;
  shown = "";

  fits: [number, number] = [80, 24];
  /** As xterm.js does it: a size that fits is told on, one that is taken isn't. */
  onFit: (cols: number, rows: number) => void = () => {};

  size(cols: number, rows: number): void {
    [this.cols, this.rows] = [cols, rows];
  }
  fit(): void {
    if (this.cols === this.fits[0] && this.rows === this.fits[1]) return;
    this.size(...this.fits);
    this.onFit(...this.fits);
  }
  write(data: Uint8Array, done: () => void): void {
    this.shown = text(data) === "\x1bc" ? "" : this.shown + text(data);
    done();
  }
  replaying(on: boolean): void {
    this.old = on;
  }
}
