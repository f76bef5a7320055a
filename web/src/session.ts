/* One session: a connection, the shell's state read from its marks, and a screen; the place where a step is typed.
   Knows: connection.ts, marks.ts, steps.ts and a small Screen. Doesn't know xterm.js, tabs, sandboxes or blocks. */

import { Capture } from "./capture";
import { Connection, type LinkState, type World } from "./connection";
import { MarkScanner } from "./marks";
import type { LeaseNotice, Presented } from "./protocol";
import { type Outcome, REPLY, Shell } from "./steps";

export interface Screen {
  readonly cols: number;
  readonly rows: number;
  readonly bracketedPaste: boolean;
  /** Take this size, whatever fits: another window's. */
  size(cols: number, rows: number): void;
  /** Back to the size that fits here, which is then told to the terminal. */
  fit(): void;
  /** Show bytes, then call back: everything before has been read by the terminal too. */
  write(bytes: Uint8Array, shown: () => void): void;
  /** While true the terminal answers no query: the program that asked is long gone. */
  replaying(on: boolean): void;
}

export interface SessionEvents {
  link(state: LinkState): void;
  /** The shell ended. */
  exit(code: number | null, reason: string): void;
  /** A sentence for the learner. */
  note(text: string): void;
  /** The terminal has another window's size; false: this one's again. */
  foreign?(on: boolean): void;
  /** New output is on the screen; `ended`: a command's end is in it, `taken`: a program has the terminal. */
  activity?(what: "output" | "ended", taken: boolean): void;
  /** A command ended with this status, the learner's own or a step's. */
  ended?(exit: number | null): void;
  /** When the sandbox ends. */
  lease?(notice: LeaseNotice): void;
  /** Which classes are shown terminals of this sandbox. */
  presented?(to: Presented[]): void;
}

export type RunResult = (Outcome & { output: string }) | { kind: "refused"; why: string } | { kind: "cancelled" };

const encoder = new TextEncoder();
const CLEAR = encoder.encode("\x1bc");
const PASTE_BEGIN = "\x1b[200~";
const PASTE_END = "\x1b[201~";
const CTRL_C = "\x03";

const BUSY = "The terminal is busy: wait, or press Ctrl-C in it.";

/** The keys that put `command` on a shell's line, without Enter. Control characters in it are left out. */
export function keysFor(command: string, bracketed: boolean): string {
  const clean = command.replace(/\r\n?/g, "\n").replace(/[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]/g, "");
  if (!clean.includes("\n")) return clean;
  return bracketed ? PASTE_BEGIN + clean + PASTE_END : clean.replaceAll("\n", "\r");
}

export class Session {
  readonly shell = new Shell();
  readonly connection: Connection;
  private readonly scanner = new MarkScanner();
  private replayEnd = 0; // bytes before this offset are old
  private nextOffset = 0;
  private known = false; // a shell answered before
  private settled = false; // the replay is on the screen
  private foreign = false; // shown in another window's size
  private claimed = false; // a step waits for the prompt
  private capture: Capture | null = null;
  private held = ""; // why nothing is typed now, or ""
  private from = 0;
  private to = 0;

  constructor(
    readonly name: string,
    world: World,
    private readonly screen: Screen,
    private readonly events: SessionEvents,
  ) {
    this.connection = new Connection(world, {
      state: (state) => this.link(state),
      attached: (fresh, output, end) => this.attached(fresh, output, end),
      data: (bytes, at) => this.data(bytes, at),
      gap: () => this.gap(),
      sized: (cols, rows) => this.sized(cols, rows),
      dropped: () => this.events.note("What you typed last did not reach the shell."),
      pong: () => this.barrier(),
      lease: (notice) => this.events.lease?.(notice),
      presented: (to) => this.events.presented?.(to),
      exit: (code, reason) => this.exit(code, reason),
    });
  }

  /** Keys from the learner, as the terminal encodes them. */
  keys(data: string): void {
    if (this.held && !REPLY.test(data)) {
      this.events.note(`Not typed: ${this.held}`);
      return;
    }
    this.claim();
    this.shell.keys(data);
    if (!this.connection.input(encoder.encode(data))) this.events.note("Not typed: this terminal is not connected.");
  }

  /** Nothing is typed as long as there is a reason not to: keys are refused with it, steps wait. "": there is none. */
  hold(why: string): void {
    this.held = why;
    this.shell.nudge();
  }

  resize(cols: number, rows: number): void {
    this.own();
    this.connection.resize(cols, rows);
  }

  /** This window is the one in use: the terminal takes its size. */
  claim(): void {
    if (!this.foreign) return;
    this.screen.fit();
    this.own();
  }

  private own(): void {
    if (!this.foreign) return;
    this.foreign = false;
    this.events.foreign?.(false);
  }

  private sized(cols: number, rows: number): void {
    if (cols === this.screen.cols && rows === this.screen.rows) return;
    this.foreign = true;
    this.screen.size(cols, rows);
    this.events.foreign?.(true);
  }

  interrupt(): void {
    this.connection.input(encoder.encode(CTRL_C));
  }

  /** Type `command` and Enter exactly once, at a clean prompt, and wait until it ends. */
  async run(command: string, signal: AbortSignal, typed: () => void): Promise<RunResult> {
    const refused = await this.prompt(signal);
    if (refused) return refused;
    this.claim();
    const capture = new Capture();
    this.capture = capture;
    this.from = this.to = this.nextOffset;
    const outcome = await new Promise<Outcome>((done) => {
      if (this.connection.input(encoder.encode(`${keysFor(command, this.screen.bracketedPaste)}\r`))) {
        this.shell.begin({ typed, done });
      } else done({ kind: "lost", why: "The terminal is not connected." });
    });
    if (this.capture === capture) this.capture = null;
    return { ...outcome, output: capture.text(this.from, this.to) };
  }

  /** Type `command` without Enter. */
  async draft(command: string, signal: AbortSignal): Promise<RunResult | null> {
    const refused = await this.prompt(signal);
    if (refused) return refused;
    this.connection.input(encoder.encode(keysFor(command, this.screen.bracketedPaste)));
    this.shell.drafted();
    return null;
  }

  /** Wait for a prompt with nothing on its line; what the learner left half typed there is given up with Ctrl-C. */
  private async prompt(signal: AbortSignal): Promise<RunResult | null> {
    if (this.claimed) return { kind: "refused", why: "Another step is waiting for this terminal." };
    this.claimed = true;
    try {
      let cleared = false;
      for (;;) {
        if (signal.aborted) return { kind: "cancelled" };
        const closed = this.connection.state;
        if (closed.name === "closed" || closed.name === "idle") {
          return { kind: "refused", why: "This terminal is closed: open it again first." };
        }
        if (this.held) {
          await this.change(signal);
          continue;
        }
        const obstacle = this.settled ? this.shell.obstacle : "starting";
        if (obstacle === null) return null;
        if (obstacle === "busy") return { kind: "refused", why: BUSY };
        if (obstacle === "draft" && !cleared) {
          cleared = true;
          this.interrupt();
          this.shell.interrupted();
        }
        if (obstacle === "entered" && !(await this.changeWithin(ENTERED_FOR, signal))) {
          return { kind: "refused", why: BUSY };
        }
        if (obstacle !== "entered") await this.change(signal);
      }
    } finally {
      this.claimed = false;
    }
  }

  private change(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    return Promise.race([this.shell.changed(), aborted]);
  }

  private async changeWithin(ms: number, signal: AbortSignal): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ms);
    });
    const changed = await Promise.race([this.change(signal).then(() => true), late]);
    clearTimeout(timer);
    return changed;
  }

  private attached(fresh: boolean, output: number, end: number | null): void {
    this.settled = false;
    this.events.presented?.([]); // unless it is told otherwise, now
    this.replayEnd = 0; // bytes that go on where the last ones ended answer what was typed: nothing of them is old
    if (fresh) {
      this.replayEnd = end ?? Number.MAX_SAFE_INTEGER;
      this.scanner.reset();
      this.shell.reset("The shell was started anew.");
      this.screen.replaying(true);
      if (this.known) this.events.note("This is a new shell.");
      if (end === null) this.connection.ping(); // its answer comes behind the replay
    }
    this.known = true;
    this.connection.resize(this.screen.cols, this.screen.rows);
    this.screen.write(fresh ? CLEAR : NOTHING, () => {
      if (fresh) this.nextOffset = output;
      this.settle();
    });
  }

  private data(bytes: Uint8Array, at: number): void {
    const cut = Math.min(bytes.length, Math.max(0, this.replayEnd - at));
    if (cut > 0 && cut < bytes.length) {
      this.piece(bytes.subarray(0, cut), at);
      this.piece(bytes.subarray(cut), at + cut);
    } else this.piece(bytes, at);
  }

  private piece(bytes: Uint8Array, at: number): void {
    this.screen.write(bytes, () => {
      const end = at + bytes.length;
      const old = end <= this.replayEnd;
      this.nextOffset = end;
      if (!old) this.capture?.add(bytes, at);
      let ended = false;
      for (const mark of this.scanner.push(bytes, at)) {
        ended ||= mark.kind === "D";
        if (mark.kind === "C") this.from = this.to = mark.at;
        else if (mark.kind === "D") {
          this.to = mark.at;
          if (!old) this.events.ended?.(mark.exit);
        }
        this.shell.mark(mark, old);
      }
      this.connection.shown(end);
      this.settle();
      if (!old) this.events.activity?.(ended ? "ended" : "output", this.shell.taken);
    });
  }

  /** The replay is over once everything before its end is on the screen. */
  private settle(): void {
    if (this.settled || this.nextOffset < this.replayEnd) return;
    this.settled = true;
    this.screen.replaying(false);
    this.shell.nudge();
  }

  private barrier(): void {
    if (this.replayEnd !== Number.MAX_SAFE_INTEGER) return;
    this.screen.write(NOTHING, () => {
      this.replayEnd = this.nextOffset;
      this.settle();
    });
  }

  private gap(): void {
    this.scanner.reset();
    this.shell.gap();
    this.replayEnd = 0;
    this.screen.write(CLEAR, () => this.settle());
    this.events.note("The terminal printed faster than it could be shown; some output was skipped.");
  }

  private exit(code: number | null, reason: string): void {
    this.shell.reset(reason || "The shell ended.");
    this.events.exit(code, reason);
  }

  private link(state: LinkState): void {
    if (state.name === "closed" || state.name === "idle") this.shell.reset("The terminal was closed.");
    this.shell.nudge();
    this.events.link(state);
  }
}

const ENTERED_FOR = 1000; // ms for a shell to answer Enter with a mark
const NOTHING = new Uint8Array(0);
