import { beforeEach, describe, expect, it } from "vitest";
import { keysFor, Session } from "../src/session";
import { FakeScreen, FakeWorld } from "./fakes";

const PROMPT = "\x1b]133;A\x07$ \x1b]133;B\x07";
const START = "\x1b]133;C\x07";
const end = (status: number): string => `\x1b]133;D;${status}\x07`;

let world: FakeWorld;
let screen: FakeScreen;
let session: Session;
let notes: string[];
let typed: number;

beforeEach(() => {
  world = new FakeWorld();
  screen = new FakeScreen();
  notes = [];
  typed = 0;
  session = new Session("host", world, screen, { link: () => {}, exit: () => {}, note: (text) => notes.push(text) });
  session.connection.open();
});

const run = (command = "ls", signal = new AbortController().signal) => session.run(command, signal, () => typed++);
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const inputs = (): string => world.sockets.map((socket) => socket.typed).join("");

describe("running a step", () => {
  it("types it once, at the prompt, and tells its end and what it printed", async () => {
    const result = run("echo hi");
    await settle();
    expect(inputs()).toBe("");
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
    await settle();
    expect(inputs()).toBe("echo hi\r");
    expect(typed).toBe(1);
    world.socket.print(`echo hi\r\n${START}hi\r\n${end(3)}${PROMPT}`);
    expect(await result).toEqual({ kind: "exit", exit: 3, output: "hi\r\n" });
  });

  it("types nothing into a running program", async () => {
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT + START);
    expect(await run()).toMatchObject({ kind: "refused" });
    expect(inputs()).toBe("");
  });

  it("waits for the end of a replay, and believes only its last mark", async () => {
    const replay = `${PROMPT}${START}old${end(0)}${PROMPT}${START}top`;
    world.socket.hello("t", 500, 0, 500 + replay.length);
    world.socket.print(replay.slice(0, 60));
    const result = run();
    await settle();
    expect(screen.old).toBe(true);
    world.socket.print(replay.slice(60));
    expect(await result).toMatchObject({ kind: "refused" });
    expect(screen.old).toBe(false);
    expect(inputs()).toBe("");
  });

  it("tells old from new in the middle of a frame", async () => {
    const old = `${PROMPT}${START}`;
    world.socket.hello("t", 0, 0, old.length);
    world.socket.print(`${old}${end(0)}${PROMPT}`);
    const result = run("pwd");
    await settle();
    expect(inputs()).toBe("pwd\r");
    world.socket.print(`${START}${end(0)}`);
    expect((await result).kind).toBe("exit");
  });

  it("finds a replay's end by ping where the server doesn't tell it", async () => {
    world.socket.hello("t", 0, 0, null);
    expect(world.socket.said).toContainEqual({ type: "ping" });
    world.socket.print(PROMPT);
    const result = run();
    await settle();
    expect(inputs()).toBe("");
    world.socket.tell({ type: "pong" });
    await settle();
    expect(inputs()).toBe("ls\r");
    world.socket.print(START + end(0));
    await result;
  });

  it("lives through a cut: typed once, ended by the mark that comes after", async () => {
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
    const result = run("make");
    await settle();
    world.socket.cut(1012);
    world.timers.find(({ ms }) => ms < 10_000)?.call();
    expect(world.socket.output).toBe(PROMPT.length);
    world.socket.hello("t", PROMPT.length, 5, PROMPT.length + 30);
    expect(inputs()).toBe("make\r");
    world.socket.print(START + end(2));
    expect(await result).toMatchObject({ kind: "exit", exit: 2 });
    expect(typed).toBe(1);
  });

  it("is lost, and never typed again, when the shell was replaced", async () => {
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
    const result = run("make");
    await settle();
    world.socket.cut();
    world.timers.find(({ ms }) => ms < 10_000)?.call();
    world.socket.hello("u", 0, 0);
    world.socket.print(PROMPT);
    expect(await result).toMatchObject({ kind: "lost" });
    expect(world.socket.typed).toBe("");
    expect(notes).toContain("This is a new shell.");
  });

  it("gives up a half-typed line with Ctrl-C, then waits for the new prompt", async () => {
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
    session.keys("rm -r ");
    const result = run("ls");
    await settle();
    expect(inputs()).toBe("rm -r \x03");
    world.socket.print(`^C\r\n${PROMPT}`);
    await settle();
    expect(inputs()).toBe("rm -r \x03ls\r");
    world.socket.print(START + end(0));
    await result;
  });

  it("refuses a second step while one waits, and can be cancelled while nothing is typed", async () => {
    const abort = new AbortController();
    const first = run("one", abort.signal);
    expect(await run("two")).toMatchObject({ kind: "refused" });
    abort.abort();
    expect(await first).toEqual({ kind: "cancelled" });
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
    await settle();
    expect(inputs()).toBe("");
  });

  it("is refused by a terminal that is closed", async () => {
    world.socket.cut(4410, "ended");
    expect(await run()).toMatchObject({ kind: "refused" });
  });
});

describe("a size of another window", () => {
  let foreign: boolean[];
  const sizes = (): unknown[] => world.socket.said.filter((message) => message.type === "resize");

  beforeEach(() => {
    foreign = [];
    world = new FakeWorld(); // without the timers of the connection above
    const events = { link: () => {}, exit: () => {}, note: () => {}, foreign: (on: boolean) => foreign.push(on) };
    session = new Session("host", world, screen, events);
    screen.onFit = (cols, rows) => session.resize(cols, rows);
    session.connection.open();
    world.socket.hello("t", 0, 0);
    world.socket.said = [];
  });

  it("is shown, and not told back", () => {
    world.socket.tell({ type: "size", cols: 132, rows: 50 });
    expect([screen.cols, screen.rows]).toEqual([132, 50]);
    expect(sizes()).toEqual([]);
    expect(foreign).toEqual([true]);
  });

  it("gives way to this window's as soon as something is typed here", () => {
    world.socket.tell({ type: "size", cols: 132, rows: 50 });
    session.keys("l");
    expect(sizes()).toEqual([{ type: "resize", cols: 80, rows: 24 }]);
    expect([screen.cols, screen.rows]).toEqual([80, 24]);
    expect(world.socket.typed).toBe("l");
    session.keys("s");
    expect(sizes()).toHaveLength(1);
    expect(foreign).toEqual([true, false]);
  });

  it("is kept by a reconnect that nobody asked for", () => {
    world.socket.tell({ type: "size", cols: 132, rows: 50 });
    world.socket.cut();
    world.fire();
    world.socket.hello("t", 0, 0);
    expect(sizes()).toEqual([{ type: "resize", cols: 132, rows: 50 }]);
  });

  it("that is none is not taken", () => {
    world.socket.tell({ type: "size", cols: -1, rows: "x" });
    world.socket.tell({ type: "size", cols: 80, rows: 24 });
    expect(foreign).toEqual([]);
  });
});

describe("keys of a command", () => {
  it("are pasted as one where the shell can take that, and typed line by line where it can't", () => {
    expect(keysFor("a \\\n  b", true)).toBe("\x1b[200~a \\\n  b\x1b[201~");
    expect(keysFor("a \\\n  b", false)).toBe("a \\\r  b");
    expect(keysFor("ls", true)).toBe("ls");
  });

  it("hold no control characters", () => {
    expect(keysFor("a\x1b[201~\x03b\x07\x9b\r\nc\td", true)).toBe("\x1b[200~a[201~b\nc\td\x1b[201~");
  });
});
