import { beforeEach, describe, expect, it } from "vitest";
import { AFTER_COMMAND, AT_THE_LATEST, Checker, type CheckWorld, ERROR_FIRST, SILENT_MOST, WHILE_RUNNING } from "../src/checker";

class Clock implements CheckWorld {
  time = 0;
  timers: { at: number; call: () => void }[] = [];
  checks: number[] = [];
  open = true;
  fail = false;
  hold: (() => void) | null = null;
  holding = false;

  later(ms: number, call: () => void): () => void {
    const timer = { at: this.time + ms, call };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  now = (): number => this.time;
  wanted = (): boolean => this.open;
  async check(): Promise<void> {
    this.checks.push(this.time);
    if (this.holding) await new Promise<void>((done) => (this.hold = done));
    if (this.fail) throw new Error();
  }
  async pass(ms: number): Promise<void> {
    const end = this.time + ms;
    for (let i = 0; i < 5; i++) await Promise.resolve();
    for (;;) {
      const next = this.timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = next.at;
      next.call();
      for (let i = 0; i < 5; i++) await Promise.resolve();
    }
    this.time = end;
  }
}

let clock: Clock;
let checker: Checker;
beforeEach(() => {
  clock = new Clock();
  checker = new Checker(clock);
});

describe("automatic checking", () => {
  it("comes once, a moment after a command ended", async () => {
    checker.ended();
    await clock.pass(AFTER_COMMAND - 1);
    expect(clock.checks).toEqual([]);
    await clock.pass(60_000);
    expect(clock.checks).toEqual([AFTER_COMMAND]);
  });
  it("waits for quiet, but not for ever", async () => {
    for (let i = 0; i < 20; i++) {
      checker.ended();
      await clock.pass(AFTER_COMMAND / 2);
    }
    expect(clock.checks[0]).toBe(AT_THE_LATEST);
  });
  it("looks every few seconds while a program prints, and less and less while it is silent", async () => {
    for (let i = 0; i < 20; i++) {
      checker.output(true);
      await clock.pass(1000);
    }
    expect(clock.checks.length).toBeGreaterThanOrEqual(3);
    expect(clock.checks.every((time, i) => i === 0 || time - (clock.checks[i - 1] ?? 0) >= WHILE_RUNNING)).toBe(true);
    const before = clock.checks.length;
    await clock.pass(600_000);
    const silent = clock.checks.length - before;
    expect(silent).toBeLessThanOrEqual(600_000 / SILENT_MOST + 6);
    expect(silent).toBeGreaterThan(5);
  });
  it("looks at nothing while the terminals are at their prompts", async () => {
    checker.output(true);
    checker.ended();
    checker.output(false);
    await clock.pass(600_000);
    expect(clock.checks.length).toBe(1);
  });
  it("has one request under way, and one more for what ended meanwhile", async () => {
    clock.holding = true;
    checker.ended();
    await clock.pass(1000);
    checker.ended();
    checker.ended();
    checker.output(true);
    await clock.pass(20_000);
    expect(clock.checks.length).toBe(1);
    clock.holding = false;
    clock.hold?.();
    await clock.pass(0);
    checker.output(false);
    await clock.pass(AFTER_COMMAND);
    expect(clock.checks.length).toBe(2);
  });
  it("backs off from errors, and is itself again after one success", async () => {
    clock.fail = true;
    checker.ended();
    await clock.pass(1000);
    checker.ended();
    await clock.pass(ERROR_FIRST - 1000);
    expect(clock.checks.length).toBe(1);
    await clock.pass(1000);
    expect(clock.checks.length).toBe(2);
    checker.ended();
    await clock.pass(ERROR_FIRST);
    expect(clock.checks.length).toBe(2); // twice as long now
    clock.fail = false;
    await clock.pass(ERROR_FIRST);
    expect(clock.checks.length).toBe(3);
    checker.ended();
    await clock.pass(AFTER_COMMAND);
    expect(clock.checks.length).toBe(4);
  });
  it("asks nobody where nothing is open, no sandbox is ready or nobody looks", async () => {
    clock.open = false;
    checker.ended();
    checker.output(true);
    await clock.pass(60_000);
    expect(clock.checks).toEqual([]);
    clock.open = true;
    checker.ended();
    await clock.pass(AFTER_COMMAND);
    expect(clock.checks.length).toBe(1);
  });
});
