/* Live miniatures of terminals: an xterm.js that is never opened reads the bytes and keeps the screen, and a small canvas shows it.
   Draws in animation frames, what changed and is in view only. Nothing here answers a terminal: it has no way to. */

import { Terminal } from "@xterm/xterm";
import { h } from "./dom";
import type { Miniature as Part } from "./room-wire";
import { terminalTheme, watchPalette } from "./theme";
import { HEIGHT, paint, WIDTH } from "./wall-paint";

const FRAME = 6; // ms of an animation frame that may go into drawing; the rest is drawn in the next one
const NEAR = "150px"; // so far beyond the window it is in view

export class Miniature {
  readonly canvas = h("canvas", { class: "lab-tile__screen", width: String(WIDTH), height: String(HEIGHT), "aria-hidden": "true", hidden: true });
  inView = false;
  private term: Terminal | null = null;

  constructor(private readonly changed: (which: Miniature) => void) {
    Object.assign(this.canvas, { screenText: () => this.text() }); // for tests
  }

  write(part: Part): void {
    const { cols, rows } = part;
    this.term ??= this.make();
    if (this.term.cols !== cols || this.term.rows !== rows) this.term.resize(Math.max(cols, 2), Math.max(rows, 1));
    if (part.anew) this.term.write("\x1bc"); // in its turn, after what was written before
    this.term.write(part.bytes, () => this.changed(this));
    this.canvas.hidden = false;
    this.canvas.dataset.session = part.session;
  }

  private make(): Terminal {
    return new Terminal({ allowProposedApi: true, cols: 80, rows: 24, scrollback: 0, logLevel: "off" });
  }

  /** Nothing is to be seen any more. */
  clear(): void {
    this.term?.dispose();
    this.term = null;
    this.canvas.hidden = true;
  }

  /** What stands on the screen, a string a line. */
  text(): string {
    const buffer = this.term?.buffer.active;
    if (!buffer) return "";
    return Array.from({ length: buffer.length }, (_, y) => buffer.getLine(y)?.translateToString(true) ?? "").join("\n").trimEnd();
  }

  draw(): void {
    const on = this.canvas.getContext("2d", { alpha: false });
    if (on && this.term) paint(on, this.term.buffer.active, this.term.cols, this.term.rows, terminalTheme());
  }
}

/** All of a wall's. `see` is told whose are in view whenever that changed. */
export class Miniatures {
  private readonly all = new Map<string, Miniature>();
  private readonly ids = new WeakMap<Element, string>();
  private readonly dirty = new Set<Miniature>();
  private readonly eyes = new IntersectionObserver((entries) => this.moved(entries), { rootMargin: NEAR });
  private frame = 0;
  private telling = false;

  constructor(private readonly see: (ids: string[]) => void) {
    document.addEventListener("visibilitychange", () => this.tell());
    watchPalette(() => {
      for (const one of this.all.values()) this.mark(one);
    });
  }

  /** A learner's; `frame` is what has to be in view. */
  add(id: string, frame: Element): Miniature {
    const made = new Miniature((which) => this.mark(which));
    this.all.set(id, made);
    this.ids.set(frame, id);
    this.eyes.observe(frame);
    return made;
  }

  remove(id: string, frame: Element): void {
    this.eyes.unobserve(frame);
    const gone = this.all.get(id);
    gone?.clear();
    if (gone) this.dirty.delete(gone);
    this.all.delete(id);
    this.tell();
  }

  write(part: Part): void {
    this.all.get(part.id)?.write(part);
  }

  private moved(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const one = this.all.get(this.ids.get(target) ?? "");
      if (!one) continue;
      one.inView = isIntersecting;
      if (isIntersecting) this.mark(one);
    }
    this.tell();
  }

  /** Once for many that scroll by together. */
  private tell(): void {
    if (this.telling) return;
    this.telling = true;
    setTimeout(() => {
      this.telling = false;
      this.see(document.visibilityState === "visible" ? [...this.all].filter(([, one]) => one.inView).map(([id]) => id) : []);
    }, 100);
  }

  private mark(one: Miniature): void {
    this.dirty.add(one);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const until = performance.now() + FRAME;
    for (const one of this.dirty) {
      if (performance.now() > until) break;
      this.dirty.delete(one);
      if (one.inView) one.draw(); // else when it comes into view
    }
    if (this.dirty.size) this.frame = requestAnimationFrame(() => this.draw());
  }

  stop(): void {
    this.eyes.disconnect();
    for (const one of this.all.values()) one.clear();
    this.all.clear();
  }
}
