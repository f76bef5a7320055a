import { beforeEach, describe, expect, it } from "vitest";
import { Connection, MAX_PENDING } from "../src/connection";
import { ACK_EVERY, CLOSE_ENDED, CLOSE_RESTARTING } from "../src/protocol";
import { bytes, FakeWorld, Log } from "./fakes";

let world: FakeWorld;
let log: Log;
let connection: Connection;

beforeEach(() => {
  world = new FakeWorld();
  log = new Log();
  connection = new Connection(world, log);
  connection.open();
});

const reconnect = (code = 1006): void => {
  world.socket.cut(code);
  world.fire();
};

describe("a sandbox's end", () => {
  it("is told as it comes, and does not end the connection", () => {
    world.socket.hello("t", 0, 0);
    const near = { ends_in: 299.5, ends_why: "limit", extendable: true, extension: 1800 };
    world.socket.tell({ type: "lease", ...near });
    world.socket.tell({ type: "lease", ends_in: null, ends_why: "", extendable: false, extension: 0 });
    world.socket.tell({ type: "lease", ends_in: "soon", extension: -1 });
    const never = { ends_in: null, ends_why: "", extendable: false, extension: 0 };
    expect(log.notices).toMatchObject([near, never, never]);
    expect(connection.state.name).toBe("open");
    expect(log.exits).toEqual([]);
  });
});

describe("who presents", () => {
  it("is told to whom, without what is no class", () => {
    world.socket.hello("t", 0, 0);
    const monday = { session: "host", id: "1f", title: "Monday" };
    world.socket.tell({ type: "presented", to: [monday, { session: "host" }, null, "Tuesday"] });
    world.socket.tell({ type: "presented", to: "Wednesday" });
    expect(log.shown).toEqual([[monday], []]);
  });
});

describe("output", () => {
  it("asks for a replay first, and resumes at its offset after a cut", () => {
    expect(world.socket.output).toBeUndefined();
    world.socket.hello("t", 100, 0, 105);
    world.socket.print("hello");
    reconnect();
    expect(world.socket.output).toBe(105);
    world.socket.hello("t", 105, 0);
    world.socket.print(" world");
    expect(log.output).toBe("hello world");
    expect(log.attachments).toEqual([
      { fresh: true, output: 100, end: 105 },
      { fresh: false, output: 105, end: 105 },
    ]);
  });

  it("starts a fresh screen where the server could not resume, and for another shell", () => {
    world.socket.hello("t", 0, 0);
    world.socket.print("abc");
    reconnect();
    world.socket.hello("t", 9000, 0, 9500);
    expect(log.attachments.at(-1)).toEqual({ fresh: true, output: 9000, end: 9500 });
    reconnect();
    world.socket.hello("u", 9000, 0);
    expect(log.attachments.at(-1)?.fresh).toBe(true);
  });

  it("goes on behind a gap", () => {
    world.socket.hello("t", 0, 0);
    world.socket.tell({ type: "gap", output: 5000 });
    world.socket.print("xy");
    expect(log.gaps).toBe(1);
    reconnect();
    expect(world.socket.output).toBe(5002);
  });

  it("acknowledges what is shown, every 64 KiB and not oftener", () => {
    world.socket.hello("t", 1000, 0);
    connection.shown(1000 + ACK_EVERY - 1);
    expect(world.socket.said).toEqual([]);
    connection.shown(1000 + ACK_EVERY);
    connection.shown(1000 + ACK_EVERY + 10);
    expect(world.socket.said).toEqual([{ type: "ack", output: 1000 + ACK_EVERY }]);
  });

  it("takes no bytes before hello, and no text it doesn't know", () => {
    world.socket.print("too early");
    world.socket.tell({ type: "surprise" });
    world.socket.onmessage?.("no json");
    world.socket.tell({ type: "hello", terminal: "t", output: -4, input: "x" });
    expect(log.output).toBe("");
    expect(log.attachments).toEqual([]);
  });
});

describe("input", () => {
  it("is kept until hello, then sent once", () => {
    connection.input(bytes("ls\r"));
    expect(world.socket.typed).toBe("");
    world.socket.hello("t", 0, 0);
    expect(world.socket.typed).toBe("ls\r");
  });

  it("cut in its middle: only what the shell was not given is sent again", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("echo one\r"));
    world.socket.tell({ type: "accepted", input: 4 });
    connection.input(bytes("two\r"));
    reconnect();
    world.socket.hello("t", 0, 6);
    expect(world.socket.typed).toBe("ne\rtwo\r");
    world.socket.tell({ type: "accepted", input: 13 });
    reconnect();
    world.socket.hello("t", 0, 13);
    expect(world.socket.typed).toBe("");
  });

  it("typed while cut off goes out after hello, in order", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("a"));
    world.socket.cut();
    connection.input(bytes("b"));
    world.fire();
    world.socket.hello("t", 0, 1);
    expect(world.socket.typed).toBe("b");
  });

  it("is not sent again by a second hello on the same socket", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("rm x\r"));
    world.socket.hello("t", 0, 0);
    expect(world.socket.typed).toBe("rm x\r");
    world.socket.tell({ type: "accepted", input: 5 });
    reconnect();
    world.socket.hello("t", 0, 5);
    expect(world.socket.typed).toBe("");
  });

  it("meant for a shell that is gone is never typed into the next", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("rm -r work\r"));
    reconnect();
    world.socket.hello("another", 0, 0);
    expect(world.socket.typed).toBe("");
    expect(log.lost).toBe(11);
    connection.input(bytes("x"));
    expect(world.socket.typed).toBe("x");
  });

  it("is dropped, not doubled, where the server forgot its count", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("abcdef"));
    world.socket.tell({ type: "accepted", input: 4 });
    reconnect();
    world.socket.hello("t", 0, 2);
    expect(world.socket.typed).toBe("");
    expect(log.lost).toBe(2);
  });

  it("survives a count beyond what was sent", () => {
    world.socket.hello("t", 0, 0);
    connection.input(bytes("ab"));
    world.socket.tell({ type: "accepted", input: 900 });
    connection.input(bytes("c"));
    reconnect();
    world.socket.hello("t", 0, 900);
    expect(world.socket.typed).toBe("c");
  });

  it("has an end to what is kept, and takes none when closed", () => {
    expect(connection.input(new Uint8Array(MAX_PENDING))).toBe(true);
    expect(connection.input(bytes("x"))).toBe(false);
    connection.close();
    expect(connection.input(bytes("x"))).toBe(false);
  });

  it("goes out in pieces well under the largest frame", () => {
    world.socket.hello("t", 0, 0);
    const sent: number[] = [];
    world.socket.send = (data) => void sent.push(data.length);
    connection.input(new Uint8Array(200_000));
    expect(sent.reduce((sum, size) => sum + size)).toBe(200_000);
    expect(Math.max(...sent)).toBeLessThanOrEqual(65_536);
  });
});

describe("cuts", () => {
  it("waits longer each time, and starts over after a hello", () => {
    const waits: number[] = [];
    for (let i = 0; i < 8; i++) {
      world.socket.cut(CLOSE_RESTARTING);
      const state = log.states.at(-1);
      waits.push(state?.name === "waiting" ? state.ms : -1);
      world.fire();
    }
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
    expect(waits[0]).toBeLessThan(300);
    expect(waits.at(-1)).toBeLessThanOrEqual(10_000);
    world.socket.hello("t", 0, 0);
    world.timers = [];
    world.socket.cut();
    expect(log.states.at(-1)).toMatchObject({ name: "waiting", attempt: 1 });
  });

  it("stays closed after a final code, and after exit", () => {
    world.socket.hello("t", 0, 0);
    world.timers = [];
    world.socket.cut(CLOSE_ENDED, "the sandbox ended");
    expect(log.states.at(-1)).toEqual({ name: "closed", code: CLOSE_ENDED, reason: "the sandbox ended" });
    expect(world.timers).toEqual([]);
    connection.open();
    world.socket.hello("u", 0, 0);
    world.socket.tell({ type: "exit", code: 3, reason: "The shell ended." });
    world.socket.cut(1000);
    expect(log.exits).toEqual([{ code: 3, reason: "The shell ended." }]);
    expect(log.states.at(-1)?.name).toBe("closed");
    connection.open();
    expect(world.socket.output).toBeUndefined();
  });

  it("hurries when told to, with one socket only", () => {
    world.socket.cut();
    connection.open();
    connection.open();
    expect(world.sockets.length).toBe(2);
    expect(world.timers.map((timer) => timer.ms)).toEqual([20_000]); // for its hello, and no other try
  });

  it("gives up a socket on which nobody says hello", () => {
    const first = world.socket;
    world.fire();
    expect(first.closed).toBe(true);
    expect(connection.state).toMatchObject({ name: "waiting", attempt: 1 });
    world.fire();
    world.socket.hello("t", 0, 0);
    expect(world.timers.map((timer) => timer.ms)).toEqual([25_000]); // the next ping
  });

  it("gives up a socket that doesn't answer a ping", () => {
    world.socket.hello("t", 0, 0);
    const first = world.socket;
    world.fire();
    expect(first.said).toEqual([{ type: "ping" }]);
    world.fire();
    expect(first.closed).toBe(true);
    expect(log.states.at(-1)?.name).toBe("waiting");
  });

  it("ignores what a socket says that was given up", () => {
    world.socket.hello("t", 0, 0);
    const old = world.socket;
    const { onmessage } = old;
    reconnect();
    onmessage?.(bytes("ghost"));
    expect(log.output).toBe("");
  });
});
