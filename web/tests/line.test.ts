import { describe, expect, it } from "vitest";
import { about, ordinal, pause, words } from "../src/line";

describe("a place in the line", () => {
  it("is counted as people do", () => {
    expect([1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 101, 111, 112].map(ordinal)).toEqual(
      ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "101st", "111th", "112th"],
    );
  });

  it("has a time that is no more exact than it can be", () => {
    expect([0.2, 4.4, 11, 22, 89, 100, 400].map(about)).toEqual(
      ["about 1 s", "about 4 s", "about 10 s", "about 20 s", "about 90 s", "about 2 min", "about 7 min"],
    );
  });

  it("is told with both", () => {
    const detail = "You are in line for a sandbox.";
    expect(words({ place: 12, wait: 21.7, detail })).toBe("You are 12th in line, about 20 s.");
    expect(words({ place: 1, wait: 3, detail })).toBe("You are next in line, about 3 s.");
    expect(words({ place: 3, wait: null, detail })).toBe("You are 3rd in line.");
    expect(words({ place: null, wait: null, detail: "Your sandbox is being started." })).toBe("Your sandbox is being started.");
  });

  it("is asked about more often the nearer it is", () => {
    const none = { place: null, wait: null };
    expect([0, 300, 450, 5000].map((before) => pause(none, before))).toEqual([300, 450, 675, 2000]);
    expect(pause({ place: 100, wait: 60 }, 300)).toBe(2000);
    expect(pause({ place: 3, wait: 4 }, 2000)).toBe(1000);
    expect(pause({ place: 1, wait: 0.2 }, 2000)).toBe(300);
    expect(pause({ place: 50, wait: null }, 300)).toBe(2000);
  });
});
