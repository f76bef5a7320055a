import { describe, expect, it } from "vitest";
import type { Tile } from "../src/room-wire";
import { parseFrame, WallChannel, type WallListener } from "../src/wall-channel";
import { arranged, counted, need, spots, tileAfterKey } from "../src/wall-order";
import { fontSize, indexed, part } from "../src/wall-paint";
import { byLesson, countWords, emptyWords, type Lessons, newsOf, placeWords, stepWords } from "../src/wall-words";

const tile = (name: string, more: Partial<Tile> = {}): Tile => ({ id: name.toLowerCase(), name, online: true, lesson: "", step: "", tasks: [0, 2], share: 0, active: null, stuck: "", sandbox: "", sessions: [], ...more });
const names = (tiles: Tile[]): string => tiles.map((one) => one.name).join(" ");
const LESSONS: Lessons = new Map([["concepts/02", { id: "concepts/02", title: "How it works", blocks: [{ id: "namespaces", caption: "Namespaces" }], tasks: [{ name: "01-own", title: "A name of your own" }] }]]);

/** As miniatures.py makes it. */
function frame(...parts: [flags: number, id: string, session: string, cols: number, rows: number, bytes: number[]][]): ArrayBuffer {
  const out = [1];
  const text = new TextEncoder();
  for (const [flags, id, session, cols, rows, bytes] of parts) {
    const [name, of] = [text.encode(id), text.encode(session)];
    out.push(flags, name.length, of.length, cols >> 8, cols & 255, rows >> 8, rows & 255, 0, 0, bytes.length >> 8, bytes.length & 255, ...name, ...of, ...bytes);
  }
  return new Uint8Array(out).buffer;
}

describe("a frame of miniatures", () => {
  it("is read part by part", () => {
    const found = parseFrame(frame([1, "ada", "host", 80, 24, [104, 105]], [0, "bo", "watch", 300, 100, []]));
    expect(found.map(({ bytes, ...one }) => ({ ...one, bytes: [...bytes] }))).toEqual([
      { id: "ada", session: "host", cols: 80, rows: 24, anew: true, bytes: [104, 105] },
      { id: "bo", session: "watch", cols: 300, rows: 100, anew: false, bytes: [] },
    ]);
  });

  it("gives what is whole where it is cut short, and nothing of another version", () => {
    const whole = frame([1, "ada", "host", 80, 24, [1, 2, 3]], [1, "bo", "host", 80, 24, [4, 5, 6]]);
    for (let size = 0; size < whole.byteLength; size++) expect(parseFrame(whole.slice(0, size)).length).toBeLessThan(2);
    expect(parseFrame(new Uint8Array([2, ...new Uint8Array(whole).slice(1)]).buffer)).toEqual([]);
    expect(parseFrame(new ArrayBuffer(0))).toEqual([]);
  });
});

describe("the order of tiles", () => {
  const hand = (since: number): Partial<Tile> => ({ hand: { since, question: "" } });
  const all = [tile("Ada", { share: 50, active: 10 }), tile("Émile", { stuck: "silent", online: false }), tile("bo", { stuck: "asked for 3 hints", share: 10, active: 30 }), tile("Cy", hand(200)), tile("Di", { ...hand(100), online: false }), tile("Learner 10"), tile("Learner 9")];

  it("has who needs help first: hands as they were raised, then who may be stuck and is there", () => {
    expect(names(arranged(all, "help", "all", "", () => ""))).toBe("Di Cy bo Ada Learner 9 Learner 10 Émile");
    expect(need(tile("Ed", { sandbox: "failed" }))).toBe(1);
  });

  it("goes by names as people read them, by activity, by progress", () => {
    expect(names(arranged(all, "name", "all", "", () => ""))).toBe("Ada bo Cy Di Émile Learner 9 Learner 10");
    expect(names(arranged(all, "active", "online", "", () => "")).startsWith("bo Ada")).toBe(true);
    expect(names(arranged(all, "progress", "all", "", () => "")).endsWith("bo Ada")).toBe(true);
  });

  it("is the same whatever came first", () => {
    for (const order of ["help", "name", "active", "progress"] as const) expect(arranged([...all].reverse(), order, "all", "", () => "")).toEqual(arranged(all, order, "all", "", () => ""));
  });

  it("shows who is wanted only", () => {
    expect(names(arranged(all, "name", "hands", "", () => ""))).toBe("Cy Di");
    expect(names(arranged(all, "name", "stuck", "", () => ""))).toBe("bo Émile");
    expect(names(arranged(all, "name", "all", " EMI", () => ""))).toBe("Émile");
    expect(names(arranged(all, "name", "all", "namespaces", (one) => (one.name === "Cy" ? "Namespaces, step 2" : "")))).toBe("Cy");
  });

  it("leads the arrow keys along rows and columns, and not over the edge", () => {
    expect([tileAfterKey(0, 7, 3, "ArrowDown"), tileAfterKey(5, 7, 3, "ArrowDown"), tileAfterKey(0, 7, 3, "ArrowLeft"), tileAfterKey(2, 7, 3, "End"), tileAfterKey(2, 7, 3, "x")]).toEqual([3, 5, 0, 6, null]);
  });
});

describe("what is told of a class", () => {
  it("counts, and says where everybody is who is there", () => {
    const there = [tile("Ada", { lesson: "concepts/02", step: "namespaces/2" }), tile("Bo", { lesson: "concepts/02", step: "namespaces/2", stuck: "x" }), tile("Cy", { lesson: "concepts/02", step: "01-own" }), tile("Di", { online: false, lesson: "concepts/02" }), tile("Ed")];
    expect(counted(there)).toEqual({ all: 5, online: 4, stuck: 1, hands: 0 });
    expect(countWords(counted(there))).toBe("5 learners, 4 online, 1 maybe stuck");
    expect(spots(there)).toEqual([
      { lesson: "concepts/02", step: "namespaces/2", learners: 2 },
      { lesson: "concepts/02", step: "01-own", learners: 1 },
    ]);
  });

  it("names places as the page has them, and what it doesn't know as it is", () => {
    expect(placeWords(LESSONS, { lesson: "concepts/02", step: "namespaces/2" })).toEqual(["How it works", "Namespaces, step 2"]);
    expect(stepWords(LESSONS, "concepts/02", "01-own")).toBe("A name of your own");
    expect(stepWords(LESSONS, "concepts/02", "q7")).toBe("the quiz");
    expect(placeWords(new Map(), { lesson: "concepts/02", step: "namespaces/2" })).toEqual(["concepts/02", "namespaces/2"]);
    expect(placeWords(LESSONS, { lesson: "", step: "" })).toEqual(["", ""]);
  });

  it("says aloud a hand and who got stuck, once", () => {
    const hand = { hand: { since: 1, question: "Why <b>?" } };
    expect(newsOf(tile("Ada"), tile("Ada", hand))).toBe("Ada raises a hand: Why <b>?.");
    expect(newsOf(tile("Ada", hand), tile("Ada", hand))).toBe("");
    expect(newsOf(tile("Ada"), tile("Ada", { stuck: "3 commands failed in a row" }))).toBe("Ada: 3 commands failed in a row.");
    expect(newsOf(tile("Ada", { stuck: "3 commands failed in a row" }), tile("Ada", { stuck: "4 commands failed in a row" }))).toBe("");
  });

  it("says why there is no terminal", () => {
    expect((["", "starting", "ready", "failed", "ended"] as const).map((sandbox) => emptyWords(tile("Ada", { sandbox })))).toEqual(["No sandbox", "Sandbox is starting", "No terminal is shown", "Sandbox could not be made", "Sandbox has ended"]);
    expect(emptyWords(tile("Ada", { sandbox: "ready", sessions: ["host"] }))).toBe("");
  });

  it("groups tasks by their lessons", () => {
    const task = (lesson: string, name: string) => ({ lesson, name, title: name });
    expect(byLesson([task("a", "1"), task("a", "2"), task("b", "1")]).map(({ lesson, at, tasks }) => [lesson, at, tasks.length])).toEqual([["a", 0, 2], ["b", 2, 1]]);
  });
});

describe("the picture", () => {
  it("has the 256 colours", () => {
    expect([indexed(1, { red: "#b00" }), indexed(16, {}), indexed(196, {}), indexed(255, {}), indexed(232, {})]).toEqual(["#b00", "rgb(0 0 0)", "rgb(255 0 0)", "rgb(238 238 238)", "rgb(8 8 8)"]);
  });

  it("fits a screen of any size", () => {
    for (const [cols, rows] of [[80, 24], [200, 60], [40, 100], [2, 1]] as const) {
      const size = fontSize(cols, rows);
      expect(size * 0.602 * cols).toBeLessThanOrEqual(472.001);
      expect(size * 1.2 * rows).toBeLessThanOrEqual(280.001);
    }
  });

  it("is as large as what is on the screen allows, in steps", () => {
    expect([part(0, 80), part(30, 80), part(48, 80), part(49, 80), part(79, 80), part(300, 80)]).toEqual([48, 48, 48, 64, 80, 80]);
    expect(part(3, 24, 12, 6)).toBe(12);
    expect(part(13, 24, 12, 6)).toBe(18);
    expect(part(2, 8, 12, 6)).toBe(8);
  });
});

describe("the channel", () => {
  function channel() {
    const said: string[] = [];
    const told: string[] = [];
    const wires: { onopen: (() => void) | null; onmessage: ((event: { data: unknown }) => void) | null; onclose: ((event: { code: number }) => void) | null; send(text: string): void; close(): void }[] = [];
    const later: (() => void)[] = [];
    const listener: WallListener = {
      room: (state) => told.push(`room ${state.title}`),
      tiles: (changed, gone) => told.push(`tiles ${changed.map((one) => one.id)} gone ${gone}`),
      heat: () => told.push("heat"),
      miniature: (part) => told.push(`screen ${part.id}`),
      heard: (on) => told.push(on ? "heard" : "silent"),
      over: () => told.push("over"),
    };
    const made = new WallChannel("c1", listener, {
      open: () => {
        const wire = { onopen: null, onmessage: null, onclose: null, send: (text: string) => void said.push(text), close: () => {} };
        wires.push(wire);
        return wire;
      },
      later: (_ms, again) => {
        later.push(again);
        return () => {};
      },
      random: () => 0,
    });
    const last = () => wires[wires.length - 1]!;
    return { made, said, told, wires, last, later, tell: (message: object) => last().onmessage?.({ data: JSON.stringify(message) }) };
  }

  it("keeps what it was told, and gives bytes of who is there only", () => {
    const { made, told, last, tell } = channel();
    made.start();
    last().onopen?.();
    tell({ type: "tiles", tiles: [tile("Ada"), tile("Bo")], gone: [] });
    tell({ type: "heat", tasks: [{ lesson: "a", name: "1", title: "One" }], passed: { ada: "1", bo: "0" } });
    tell({ type: "heat", passed: { bo: "1" } });
    last().onmessage?.({ data: frame([1, "ada", "host", 80, 24, [1]], [1, "eve", "host", 80, 24, [1]]) });
    tell({ type: "tiles", tiles: [], gone: ["bo"] });
    last().onmessage?.({ data: "{" });
    tell({ type: "something new" });
    expect(told).toEqual(["heard", "tiles ada,bo gone ", "heat", "heat", "screen ada", "tiles  gone bo"]);
    expect([...made.passed]).toEqual([["ada", "1"]]);
  });

  it("connects anew, says again whom it shows, and drops who left meanwhile", () => {
    const { made, said, told, last, later, tell } = channel();
    made.start();
    made.see(["ada"]);
    expect(said).toEqual([]);
    last().onopen?.();
    tell({ type: "tiles", tiles: [tile("Ada"), tile("Bo")], gone: [] });
    made.see(["ada"]);
    made.see(["ada", "bo"]);
    last().onclose?.({ code: 1012 });
    later[0]?.();
    last().onopen?.();
    tell({ type: "tiles", tiles: [tile("Bo")], gone: [] });
    expect(said.map((text) => JSON.parse(text).learners)).toEqual([["ada"], ["ada", "bo"], ["ada", "bo"]]);
    expect(told.slice(-3)).toEqual(["silent", "heard", "tiles bo gone ada"]);
  });

  it("ends for good where it is refused", () => {
    for (const code of [4401, 4403, 4404, 4400]) {
      const { made, told, last, later } = channel();
      made.start();
      last().onclose?.({ code });
      expect([told, later.length]).toEqual([["over"], 0]);
    }
  });
});
