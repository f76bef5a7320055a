import { beforeEach, describe, expect, it } from "vitest";
import type { Mark } from "../src/marks";
import { type Outcome, Shell } from "../src/steps";

let shell: Shell;
let ends: Outcome[];
const mark = (kind: "A" | "B" | "C" | "D", exit = 0): Mark => (kind === "D" ? { kind, at: 0, exit } : { kind, at: 0 });
const see = (kinds: string, old = false): void => {
  for (const kind of kinds) shell.mark(mark(kind as "A"), old);
};
const begin = (): void => shell.begin({ done: (outcome) => ends.push(outcome) });

beforeEach(() => {
  shell = new Shell();
  ends = [];
});

describe("a shell", () => {
  it("is free at its prompt and busy while a command runs", () => {
    expect(shell.obstacle).toBe("starting");
    see("AB");
    expect(shell.obstacle).toBe(null);
    see("C");
    expect(shell.obstacle).toBe("busy");
    see("D");
    expect(shell.obstacle).toBe("starting");
    see("AB");
    expect(shell.obstacle).toBe(null);
  });

  it("knows a half-typed line, through a redrawn prompt, until a command ran or it was given up", () => {
    see("AB");
    shell.keys("rm ");
    expect(shell.obstacle).toBe("draft");
    see("AB");
    expect(shell.obstacle).toBe("draft");
    shell.keys("\x03");
    expect(shell.obstacle).toBe("entered");
    see("AB");
    expect(shell.obstacle).toBe(null);
    shell.drafted();
    expect(shell.obstacle).toBe("draft");
    shell.keys("\r");
    expect(shell.obstacle).toBe("entered");
    see("CDAB");
    expect(shell.obstacle).toBe(null);
  });

  it("doesn't take a terminal's own answers for typing", () => {
    see("AB");
    for (const reply of ["\x1b[?1;2c", "\x1b[24;80R", "\x1b[I", "\x1b[O", "\x1b]11;rgb:0/0/0\x1b\\", "\x1bP1$r0m\x1b\\"]) shell.keys(reply);
    expect(shell.obstacle).toBe(null);
    shell.keys("\x1b[A");
    expect(shell.obstacle).toBe("draft");
  });

  it("takes its state from a replay's last mark, whatever came before", () => {
    see("ABCDABC", true);
    expect(shell.obstacle).toBe("busy");
    see("D");
    see("AB");
    expect(shell.obstacle).toBe(null);
  });
});

describe("a step", () => {
  it("ends with the status of its D", () => {
    see("AB");
    begin();
    expect(shell.obstacle).toBe("busy");
    see("C");
    shell.mark(mark("D", 137));
    expect(ends).toEqual([{ kind: "exit", exit: 137 }]);
    see("ABCDAB");
    expect(ends.length).toBe(1);
  });

  it("ends in a shell that tells no start of a command", () => {
    see("DAB");
    begin();
    see("DAB");
    expect(ends).toEqual([{ kind: "exit", exit: 0 }]);
  });

  it("is not ended by a prompt drawn again before the command was read", () => {
    see("AB");
    begin();
    see("AB");
    expect(ends).toEqual([]);
    see("CD");
    expect(ends).toEqual([{ kind: "exit", exit: 0 }]);
  });

  it("is inside when its command opened a shell, where the next step goes", () => {
    see("AB");
    begin();
    see("CAB");
    expect(ends).toEqual([{ kind: "inside" }]);
    expect(shell.obstacle).toBe(null);
  });

  it("is never ended by marks of a replay", () => {
    see("AB");
    begin();
    see("CDAB", true);
    expect(ends).toEqual([]);
  });

  it("ends with the next prompt, its status unknown, when output was lost", () => {
    see("AB");
    begin();
    see("C");
    shell.gap();
    see("AB");
    expect(ends).toEqual([{ kind: "exit", exit: null }]);
  });

  it("is lost with its shell", () => {
    see("AB");
    begin();
    see("C");
    shell.reset("gone");
    expect(ends).toEqual([{ kind: "lost", why: "gone" }]);
    expect(shell.obstacle).toBe("starting");
  });
});
