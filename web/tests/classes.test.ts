import { describe, expect, it } from "vitest";
import { ago, arrived, behind, browser, cell, fromLocal, grouped, seatsWords, timesWords, toLocal, whole } from "../src/class-words";
import type { Learner, Part } from "../src/classes-api";

const part = (steps: number, complete = false): Part => ({
  done: { steps: [steps, 4], tasks: [0, 0], questions: [0, 2], predictions: [0, 0] },
  complete,
});
const learner = (id: string, lessons: Record<string, Part> = {}): Learner => ({ id, name: `Name ${id}`, joined: 0, at: null, lessons });

describe("codes", () => {
  it("are grouped however they were typed", () => {
    expect(grouped("123456789")).toBe("123-456-789");
    expect(grouped(" 123 45")).toBe("123-45");
    expect(grouped("l2o-456.789000")).toBe("120-456-789");
    expect(grouped("<b>")).toBe("");
  });
  it("are whole with nine digits", () => {
    expect([whole("123-456-789"), whole("12345678"), whole("")]).toEqual([true, false, false]);
  });
  it("are read from an address", () => {
    expect(behind("join", "/join/123-456-789")).toBe("123-456-789");
    expect(behind("join", "/course/join/1%202/")).toBe("1 2");
    for (const path of ["/join/", "/join", "/join/index.html", "/room/12", "/join/%E0%A4%A"]) expect(behind("join", path)).toBe("");
    expect(behind("room", "/room/abc123")).toBe("abc123");
  });
});

describe("times", () => {
  const hour = 3_600_000;
  it("says how long ago, and that clocks differ", () => {
    const now = 100 * hour;
    const at = (ms: number): number => (now - ms) / 1000;
    expect([ago(null, now), ago(at(0), now), ago(at(-hour), now)]).toEqual(["not yet", "just now", "just now"]);
    expect([ago(at(90_000), now), ago(at(3 * hour), now), ago(at(25 * hour), now), ago(at(72 * hour), now)]).toEqual(["1 min ago", "3 h ago", "yesterday", "3 days ago"]);
  });
  it("goes through a field and back", () => {
    for (const seconds of [0, 1_800_000_000, 1_700_000_040]) expect(fromLocal(toLocal(seconds))).toBe(Math.floor(seconds / 60) * 60);
    expect([toLocal(null), fromLocal(""), fromLocal("tomorrow")]).toEqual(["", null, null]);
  });
  it("tells the one that counts", () => {
    const now = 1_000_000_000_000;
    expect(timesWords({ state: "planned", opens: 2e9, closes: 3e9 }, now)).toMatch(/^opens /);
    expect(timesWords({ state: "open", opens: 1, closes: 2e9 }, now)).toMatch(/^closes /);
    expect(timesWords({ state: "closed", opens: null, closes: 1 }, now)).toMatch(/^closed since /);
    for (const of of [{ state: "open", opens: null, closes: null }, { state: "closed", opens: null, closes: 2e9 }, { state: "archived", opens: 1, closes: 1 }] as const)
      expect(timesWords(of, now)).toBe("");
  });
});

describe("a roster", () => {
  const lesson = { id: "l", title: "L", url: "/l/" };
  it("has a cell for each lesson", () => {
    expect(cell(learner("a"), lesson)).toEqual({ percent: 0, words: "–", more: "" });
    expect(cell(learner("a", { l: part(0) }), lesson)).toMatchObject({ words: "–", more: "steps 0/4, quiz 0/2" });
    expect(cell(learner("a", { l: part(3) }), lesson)).toEqual({ percent: 50, words: "50 %", more: "steps 3/4, quiz 0/2" });
    expect(cell(learner("a", { l: part(1, true) }), lesson)).toMatchObject({ percent: 100, words: "complete" });
  });
  it("says who arrived", () => {
    const all = ["a", "b", "c", "d", "e"].map((id) => learner(id));
    expect(arrived(all, all)).toBe("");
    expect(arrived(all.slice(0, 3), all)).toBe("Name d, Name e joined.");
    expect(arrived([], all)).toBe("5 learners joined.");
    expect(arrived(all, all.slice(1))).toBe("");
  });
  it("counts seats", () => {
    expect([seatsWords(0, 1), seatsWords(3, 30)]).toEqual(["0 of 1 seat taken", "3 of 30 seats taken"]);
  });
});

it("a browser has a name", () => {
  expect(browser("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36")).toBe("Chrome on Linux");
  expect(browser("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 Version/17.0 Safari/604.1")).toBe("Safari on iOS");
  expect([browser("curl/8"), browser("")]).toEqual(["curl/8", "A browser"]);
});
