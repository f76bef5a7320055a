/* What a shell is doing, told from its marks, and the one step that is typed into it.
   Knows: marks, keys and the order they came in. Doesn't know bytes, sockets, the DOM or the clock. Pure.

     unknown ──A/B──► prompt ──C (or a step typed)──► running ──D──► between ──A/B──► prompt

   A step ends at the first D after it was typed. A prompt that comes after C without a D belongs to a shell inside
   (`docker run -it … sh`): the step is then "inside", and the next one is typed into that shell. Marks of a replay
   move the state and never end a step: no step of this page can be in them. */

import type { Mark } from "./marks";

export type ShellState = "unknown" | "prompt" | "running" | "between";

export type Outcome =
  | { kind: "exit"; exit: number | null } // ended; null where the status was not told
  | { kind: "inside" } // it opened a shell of its own, which now waits at its prompt
  | { kind: "lost"; why: string }; // the shell it was typed into is gone

export interface StepHooks {
  typed?(): void;
  done(outcome: Outcome): void;
}

/** Why nothing may be typed now; null where the shell waits at a clean prompt. */
export type Obstacle = "starting" | "busy" | "entered" | "draft" | null;

/** What a terminal sends by itself: answers to a program, its focus, the mouse. */
export const REPLY = /^(\x1b\[[?>=]?[\d;]*[cRnyu$]+|\x1b\[[IO]|\x1b\[<?[\d;]*[Mm]|\x1b[P\]][\s\S]*)$/;

export class Shell {
  state: ShellState = "unknown";
  private draft = false; // the learner has typed on the prompt's line
  private entered = false; // … and pressed Enter or Ctrl-C, and no mark has come since
  private sawStart = false; // C came for what runs now
  private missing = false; // marks may have been lost: the next prompt ends the step, its status unknown
  private step: StepHooks | null = null;
  private waiters: (() => void)[] = [];

  get obstacle(): Obstacle {
    if (this.state === "unknown" || this.state === "between") return "starting";
    if (this.state === "running") return "busy";
    if (this.entered) return "entered";
    return this.draft ? "draft" : null;
  }

  get busyWithStep(): boolean {
    return this.step !== null;
  }

  /** A program has the terminal; an inner shell that marks nothing counts as one. */
  get taken(): boolean {
    return this.state === "running";
  }

  /** Resolves at the next change of anything here. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  /** Something outside changed that those who wait may care about. */
  nudge(): void {
    this.wake();
  }

  /** A mark arrived; `old` in a replay. */
  mark(mark: Mark, old = false): void {
    if (mark.kind === "C") {
      this.state = "running";
      this.sawStart = true;
      this.clearLine();
    } else if (mark.kind === "D") {
      this.state = "between";
      this.sawStart = false;
      this.clearLine();
      if (!old) this.finish({ kind: "exit", exit: mark.exit });
    } else this.prompt(old);
    this.wake();
  }

  private prompt(old: boolean): void {
    if (this.step && !old && this.state === "running") {
      // Without C this is the old prompt drawn again (a resize, Ctrl-L) before the command was read.
      if (!this.sawStart && !this.missing) return;
      this.finish(this.missing ? { kind: "exit", exit: null } : { kind: "inside" });
    }
    if (this.entered || this.state !== "prompt") this.clearLine();
    this.state = "prompt";
    this.sawStart = false;
  }

  /** The learner (not the page) sent `data`. */
  keys(data: string): void {
    if (this.state !== "prompt" || REPLY.test(data)) return;
    if (/[\r\n\x03\x04]/.test(data)) this.entered = true;
    else this.draft = true;
    this.wake();
  }

  /** The page has typed a step and its Enter. Call only where `obstacle` is null. */
  begin(step: StepHooks): void {
    this.finish({ kind: "lost", why: "Another command was started here." });
    this.step = step;
    this.state = "running";
    this.sawStart = false;
    step.typed?.();
    this.wake();
  }

  /** The page pressed Ctrl-C to clear a half-typed line; the next prompt is clean. */
  interrupted(): void {
    this.entered = true;
    this.wake();
  }

  /** The page put a command on the line, without Enter. */
  drafted(): void {
    this.draft = true;
    this.wake();
  }

  /** Bytes are missing: marks may be among them. What comes next decides. */
  gap(): void {
    if (this.step) this.missing = true;
    else this.state = "unknown";
    this.clearLine();
    this.wake();
  }

  /** Another shell, or none. */
  reset(why: string): void {
    this.state = "unknown";
    this.sawStart = false;
    this.clearLine();
    this.finish({ kind: "lost", why });
    this.wake();
  }

  private clearLine(): void {
    this.draft = false;
    this.entered = false;
  }

  private finish(outcome: Outcome): void {
    const step = this.step;
    this.step = null;
    this.missing = false;
    step?.done(outcome);
  }

  private wake(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}
