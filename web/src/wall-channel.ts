/* The channel of a class's wall: its messages and frames as docs/develop/protocol.md has them, and reconnecting.
   Keeps what the server told, whole; doesn't know the DOM. Who wants to know gives a listener. */

import { backoff } from "./backoff";
import { isFinalClose } from "./protocol";
import { type Surroundings, surroundings, type Wire } from "./room-channel";
import type { HeatTask, Miniature, RoomState, Tile, WallMessage } from "./room-wire";

const VERSION = 1;
const HEAD = 11; // bytes before a part's names: flags, two lengths, columns, rows, length of the bytes
const ANEW = 1;
const MOST_SEEN = 250; // the server takes no more

/** A binary frame's parts; what is cut short, or of another version, has none. */
export function parseFrame(data: ArrayBuffer): Miniature[] {
  const view = new DataView(data);
  const text = new TextDecoder();
  const found: Miniature[] = [];
  if (data.byteLength < 1 || view.getUint8(0) !== VERSION) return found;
  let at = 1;
  while (at + HEAD <= data.byteLength) {
    const name = view.getUint8(at + 1);
    const of = view.getUint8(at + 2);
    const size = view.getUint32(at + 7);
    const names = at + HEAD;
    const end = names + name + of + size;
    if (end > data.byteLength) break;
    found.push({
      id: text.decode(new Uint8Array(data, names, name)),
      session: text.decode(new Uint8Array(data, names + name, of)),
      cols: view.getUint16(at + 3),
      rows: view.getUint16(at + 5),
      anew: (view.getUint8(at) & ANEW) !== 0,
      bytes: new Uint8Array(data, names + name + of, size),
    });
    at = end;
  }
  return found;
}

export interface WallListener {
  room(state: RoomState): void;
  tiles(changed: readonly Tile[], gone: readonly string[]): void;
  heat(): void;
  miniature(part: Miniature): void;
  /** Whether the server is heard. */
  heard(on: boolean): void;
  /** It won't be any more: signed out, no role any more, or the class is gone. */
  over(): void;
}

export class WallChannel {
  tiles = new Map<string, Tile>();
  tasks: readonly HeatTask[] = [];
  passed = new Map<string, string>();
  private wire: Wire | null = null;
  private open_ = false;
  private fresh = false; // no tiles came yet on this connection
  private attempt = 0;
  private cancel: (() => void) | null = null;
  private seen: readonly string[] = [];

  constructor(
    id: string,
    private readonly listener: WallListener,
    private readonly around: Surroundings = surroundings(`/api/classes/${encodeURIComponent(id)}/wall`),
  ) {}

  start(): void {
    const wire = this.around.open();
    this.wire = wire;
    wire.onopen = () => {
      this.open_ = this.fresh = true;
      this.attempt = 0;
      this.listener.heard(true);
      if (this.seen.length) this.say();
    };
    wire.onmessage = ({ data }) => this.receive(data);
    wire.onclose = ({ code }) => {
      this.wire = null;
      this.open_ = false;
      if (isFinalClose(code)) {
        this.listener.over();
        return;
      }
      this.listener.heard(false);
      this.cancel = this.around.later(backoff(this.attempt++, this.around.random()), () => this.start());
    };
  }

  stop(): void {
    this.cancel?.();
    this.cancel = null;
    const wire = this.wire;
    this.wire = null;
    this.open_ = false;
    if (!wire) return;
    wire.onopen = wire.onmessage = wire.onclose = null;
    wire.close();
  }

  /** Whose terminals the page shows now. */
  see(ids: readonly string[]): void {
    const most = ids.slice(0, MOST_SEEN);
    if (most.length === this.seen.length && most.every((id, n) => id === this.seen[n])) return;
    this.seen = most;
    this.say();
  }

  private say(): void {
    if (this.open_) this.wire?.send(JSON.stringify({ type: "see", learners: this.seen }));
  }

  private receive(data: unknown): void {
    if (data instanceof ArrayBuffer) {
      for (const part of parseFrame(data)) if (this.tiles.has(part.id)) this.listener.miniature(part);
      return;
    }
    if (typeof data !== "string") return;
    let message: WallMessage;
    try {
      message = JSON.parse(data) as WallMessage;
    } catch {
      return; // not ours: the next one may be
    }
    if (message.type === "room") this.listener.room(message);
    else if (message.type === "tiles") this.has(message.tiles, message.gone);
    else if (message.type === "heat") this.hot(message.tasks, message.passed);
  }

  private has(tiles: readonly Tile[], gone: readonly string[]): void {
    const out = new Set(gone);
    if (this.fresh) {
      const there = new Set(tiles.map((tile) => tile.id));
      for (const id of this.tiles.keys()) if (!there.has(id)) out.add(id);
      for (const id of [...this.passed.keys()]) if (!there.has(id)) this.passed.delete(id);
    }
    this.fresh = false;
    for (const tile of tiles) this.tiles.set(tile.id, tile);
    for (const id of out) {
      this.tiles.delete(id);
      this.passed.delete(id);
    }
    this.listener.tiles(tiles, [...out]);
  }

  private hot(tasks: readonly HeatTask[] | undefined, passed: Record<string, string>): void {
    if (tasks) {
      this.tasks = tasks;
      this.passed.clear();
    }
    for (const [id, marks] of Object.entries(passed)) this.passed.set(id, marks);
    this.listener.heat();
  }
}
