import { describe, expect, it } from "vitest";
import { stateOf } from "../src/bar-recording";
import { lasted, sized } from "../src/recording-words";
import { actWords } from "../src/room-after";

describe("recordings in words", () => {
  it("tells how long and how large", () => {
    expect([5, 65, 3700].map((ended) => lasted({ begun: 0, ended }))).toEqual(["5 s", "1 min 5 s", "1 h 1 min"]);
    expect(lasted({ begun: 10, ended: null })).toBe("goes on");
    expect(lasted({ begun: 10, ended: 4 })).toBe("0 s"); // a clock that was set
    expect([0, 1500, 999_499, 999_500, 16_777_216].map(sized)).toEqual(["1 KB", "2 KB", "999 KB", "1.0 MB", "16.8 MB"]);
  });
});

describe("the log in words", () => {
  const entry = (act: string, name = "", member = "", detail = {}): string => actWords({ act, name, member, detail });
  it("has a sentence for every act", () => {
    expect(entry("watched", "Ann", "1")).toBe("watched Ann’s terminal");
    expect(entry("reset", "Lars", "1")).toBe("reset Lars’ sandbox");
    expect(entry("removed", "", "1")).toBe("took a learner out");
    expect(entry("deleted")).toBe("deleted the class");
    expect(entry("deleted", "Ann", "1", { recording: "x" })).toBe("deleted a recording of Ann");
    expect(entry("played", "", "1", { recording: "x" })).toBe("played a recording of a learner who is no longer here");
    expect(entry("paused", "", "", { on: false })).toBe("let everybody go on");
    expect(entry("ended", "", "", { called_off: true })).toBe("called the end of the class off");
    expect(entry("exported", "", "", { form: "json" })).toBe("took a file along (json)");
    expect(entry("something new")).toBe("something new");
  });
});

describe("the row about a recording", () => {
  it("asks, says that it goes on, or isn't there", () => {
    expect(stateOf({ id: "c" })).toBeNull();
    expect(stateOf({ id: "c", recording: { asked: false, consented: true } })).toBeNull();
    expect(stateOf({ id: "c", recording: { asked: true, consented: false } })).toBe("ask");
    expect(stateOf({ id: "c", recording: { asked: true, consented: true } })).toBe("on");
  });
});
