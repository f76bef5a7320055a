/* When tasks are checked while the learner works. Knows time, what the terminals do, and one request at a time; doesn't know
   the DOM, HTTP or which tasks there are. Pure: clock and calls are handed in.

   A command that ended asks for a check shortly after. While a program has a terminal, its output asks
   for one every few seconds, and silence for fewer and fewer. Errors are backed off from; nothing here starts a sandbox. */

export interface CheckWorld {
  later(ms: number, call: () => void): () => void; // returns what cancels it
  now(): number; // ms
  /** Whether an automatic check makes sense now: open tasks, a ready sandbox, somebody looking. */
  wanted(): boolean;
  /** Checks all open tasks; throws where it can't. */
  check(): Promise<void>;
}

export const AFTER_COMMAND = 600; // ms of quiet after a command ended
export const AT_THE_LATEST = 3000; // ms, where commands end one after another
export const WHILE_RUNNING = 5000; // ms between two looks while a program prints
export const SILENT_MOST = 60_000; // ms between two looks while it prints nothing
export const ERROR_FIRST = 5000; // ms
export const ERROR_MOST = 120_000; // ms

export class Checker {
  private timer: (() => void) | null = null;
  private due = Number.POSITIVE_INFINITY;
  private asked = Number.NEGATIVE_INFINITY; // since when an ended command waits for its check
  private waiting = false;
  private underWay = false;
  private busy = false; // a program has a terminal
  private changed = false; // output came since the last check began
  private silent = WHILE_RUNNING;
  private errors = 0;
  private notBefore = 0;

  constructor(private readonly world: CheckWorld) {}

  /** A command ended at a prompt of some terminal. */
  ended(): void {
    const now = this.world.now();
    if (!this.waiting) this.asked = now;
    this.waiting = true;
    this.silent = WHILE_RUNNING;
    this.plan(Math.min(now + AFTER_COMMAND, this.asked + AT_THE_LATEST), true);
  }

  /** A terminal printed something; `busy` where a program has one of them. */
  output(busy: boolean): void {
    this.busy = busy;
    this.changed = true;
    this.silent = WHILE_RUNNING;
    if (busy) this.plan(this.world.now() + WHILE_RUNNING);
  }

  /** Something else may have changed the answer (a sandbox became ready, a tab came back). */
  nudge(): void {
    this.plan(this.world.now() + AFTER_COMMAND);
  }

  stop(): void {
    this.timer?.();
    this.timer = null;
    this.due = Number.POSITIVE_INFINITY;
    this.waiting = false;
  }

  /** At `time`, or when it is due earlier; `push` also puts it off. */
  private plan(time: number, push = false): void {
    const at = Math.max(time, this.notBefore);
    if (this.underWay || (at >= this.due && !push)) return;
    this.timer?.();
    this.due = at;
    this.timer = this.world.later(Math.max(0, at - this.world.now()), () => void this.go());
  }

  private async go(): Promise<void> {
    this.timer = null;
    this.due = Number.POSITIVE_INFINITY;
    if (!this.world.wanted()) {
      this.waiting = false;
      return;
    }
    this.underWay = true;
    this.waiting = false;
    const printed = this.changed;
    this.changed = false;
    try {
      await this.world.check();
      this.errors = 0;
      this.notBefore = 0;
    } catch {
      this.notBefore = this.world.now() + Math.min(ERROR_MOST, ERROR_FIRST * 2 ** this.errors);
      this.errors += 1;
    }
    this.underWay = false;
    if (this.waiting) this.plan(this.world.now() + AFTER_COMMAND);
    else if (this.busy) this.again(printed);
  }

  /** The terminal is still taken: look again, sooner where it prints. */
  private again(printed: boolean): void {
    this.silent = printed || this.changed ? WHILE_RUNNING : Math.min(SILENT_MOST, this.silent * 2);
    this.plan(this.world.now() + this.silent);
  }
}
