/* The control of a room, where no browser is needed: links in messages, keys and steps while all stands still, words. */

import { beforeEach, describe, expect, it } from "vitest";
import { cut } from "../src/addresses";
import { Paused } from "../src/paused";
import { extendedWords } from "../src/room-conduct";
import { Session } from "../src/session";
import { FakeScreen, FakeWorld } from "./fakes";

const links = (text: string): string[] => cut(text).flatMap((piece) => piece.href ?? []);

describe("addresses in a message", () => {
  it("become links, without what ends the sentence", () => {
    expect(links("See https://example.org/a?b=c#d, or (http://example.org/x_(y)). Or HTTPS://EXAMPLE.ORG!")).toEqual([
      "https://example.org/a?b=c#d",
      "http://example.org/x_(y)",
      "https://example.org/",
    ]);
  });

  it("are http and https only, and nothing of the text is lost", () => {
    for (const text of [
      "javascript:alert(1) data:text/html,<script> ftp://example.org file:///etc/passwd //example.org",
      'https://exa"onmouseover=alert(1) <b>bold</b> https://',
      "http://[::1 http:// https://a.b<img src=x>",
      "",
      "\u202ehttps://example.org/\u202d",
    ]) {
      expect(cut(text).map((piece) => piece.text).join("")).toBe(text);
      for (const link of links(text)) expect(link).toMatch(/^https?:/);
    }
    expect(links("javascript:alert(1) data:text/html,x ftp://example.org")).toEqual([]);
  });
});

describe("what came of extending all", () => {
  it("is told in words", () => {
    expect(extendedWords({ extended: 0, sandboxes: 0, seconds: 0 })).toBe("Nobody has a sandbox now.");
    expect(extendedWords({ extended: 12, sandboxes: 12, seconds: 3600 })).toBe("All 12 sandboxes may go on 1 hour longer.");
    expect(extendedWords({ extended: 3, sandboxes: 4, seconds: 1800 })).toBe("3 of 4 sandboxes may go on 30 minutes longer.");
    expect(extendedWords({ extended: 0, sandboxes: 1, seconds: 0 })).toContain("no end");
  });
});

describe("who is paused", () => {
  it("is told at once and at each change, once", () => {
    const paused = new Paused();
    const told: (string | null)[] = [];
    const end = paused.subscribe((by) => told.push(by));
    for (const by of ["Ina", "Ina", null, null, "Bo"]) paused.become(by);
    end();
    paused.become(null);
    expect(told).toEqual([null, "Ina", null, "Bo"]);
  });
});

describe("a terminal that stands still", () => {
  const PROMPT = "\x1b]133;A\x07$ \x1b]133;B\x07";
  let world: FakeWorld;
  let session: Session;
  let notes: string[];
  const inputs = (): string => world.sockets.map((socket) => socket.typed).join("");
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };

  beforeEach(() => {
    world = new FakeWorld();
    notes = [];
    session = new Session("host", world, new FakeScreen(), { link: () => {}, exit: () => {}, note: (text) => notes.push(text) });
    session.connection.open();
    world.socket.hello("t", 0, 0);
    world.socket.print(PROMPT);
  });

  it("gets no keys, and says why; what a terminal answers by itself goes through", () => {
    session.hold("your class is paused by Ina.");
    session.keys("rm -rf /\r");
    session.keys("\x03");
    expect(inputs()).toBe("");
    expect(notes).toEqual(["Not typed: your class is paused by Ina.", "Not typed: your class is paused by Ina."]);
    session.keys("\x1b[1;1R");
    expect(inputs()).toBe("\x1b[1;1R");
    session.hold("");
    session.keys("a");
    expect(inputs()).toBe("\x1b[1;1Ra");
  });

  it("has a step wait, which is typed once when all goes on, or given up before", async () => {
    session.hold("your class is paused by Ina.");
    const abort = new AbortController();
    const given = session.run("ls", abort.signal, () => {});
    await settle();
    abort.abort();
    expect(await given).toEqual({ kind: "cancelled" });
    let typed = 0;
    void session.run("date", new AbortController().signal, () => typed++);
    await settle();
    expect(inputs()).toBe("");
    session.hold("");
    await settle();
    expect(inputs()).toBe("date\r");
    expect(typed).toBe(1);
  });
});
