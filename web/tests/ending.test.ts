import { describe, expect, it } from "vitest";
import { because, clock, type Ending, endingOf, offer, secondsLeft, span, spoken } from "../src/ending";

const notice = (ends_in: number | null, ends_why = "idle", extendable = true, extension = 0) => ({ ends_in, ends_why, extendable, extension });
const ending = (more: Partial<Ending> = {}): Ending => ({ at: 0, why: "idle", extendable: true, extension: 0, ...more });

describe("a coming end", () => {
  it("is one when it is near and has a reason", () => {
    expect(endingOf(notice(271.2, "limit", true, 1800), 5000)).toEqual({ at: 276_200, why: "limit", extendable: true, extension: 1800 });
    expect(endingOf(notice(300), 0)?.at).toBe(300_000);
    for (const none of [notice(null), notice(301), notice(10, ""), notice(10, "else")]) expect(endingOf(none, 0)).toBeNull();
  });

  it("counts down by the page's own clock and stops at nothing", () => {
    const end = endingOf(notice(60.4), 1000) as Ending;
    expect([1000, 1401, 61_000, 99_000].map((now) => secondsLeft(end, now))).toEqual([61, 60, 1, 0]);
  });

  it("is shown as a clock and read out in words", () => {
    expect([271, 60, 9, 0].map(clock)).toEqual(["4:31", "1:00", "0:09", "0:00"]);
    expect([3600, 7200, 5400, 300, 271, 60, 59, 1].map(span)).toEqual(["1 hour", "2 hours", "90 minutes", "5 minutes", "5 minutes", "1 minute", "59 seconds", "1 second"]);
  });

  it("offers what can be done about it", () => {
    expect(offer(ending())).toBe("Keep it");
    expect(offer(ending({ why: "limit", extension: 1800 }))).toBe("Extend by 30 minutes");
    expect(offer(ending({ why: "limit", extendable: false }))).toBeNull();
    expect(because(ending({ why: "limit", extendable: false }))).toContain("Copy what you need");
  });

  it("is read out when it is told and once more in the last minute", () => {
    const end = ending();
    expect(spoken(end, 300, null)).toBe("Your sandbox ends in 5 minutes because nobody has typed in it for a while. Press “Keep it” to go on.");
    expect([299, 120, 61].map((left) => spoken(end, left, 300))).toEqual([null, null, null]);
    expect(spoken(end, 60, 300)).toContain("in 1 minute because");
    expect([59, 1].map((left) => spoken(end, left, 60))).toEqual([null, null]);
    expect(spoken(end, 20, null)).toContain("in 20 seconds because"); // told late: at once, and not twice
    expect(spoken(end, 19, 20)).toBeNull();
  });
});
