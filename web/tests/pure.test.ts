import { describe, expect, it } from "vitest";
import { ApiError, NO_SERVER, type Sandbox } from "../src/api";
import { backoff } from "../src/backoff";
import { DEFAULT_LAYOUT, LARGEST, readLayout, resized, resizedByKey, sideShown, SMALLEST, tabAfterKey } from "../src/layout";
import { safeLink } from "../src/links";
import { duration, verdict, whyNot } from "../src/outcome";
import { isFinalClose, parseServerMessage, terminalPath } from "../src/protocol";
import { SandboxWatch } from "../src/sandbox";

describe("layout", () => {
  it("is read from whatever was stored", () => {
    expect(readLayout({})).toEqual(DEFAULT_LAYOUT);
    expect(readLayout({ side: "top", bottom: 9000, right: Number.NaN, split: "yes", reader: true })).toEqual({
      ...DEFAULT_LAYOUT,
      bottom: LARGEST,
      reader: true,
    });
  });
  it("docks right only where there is room", () => {
    const layout = readLayout({ side: "right" });
    expect([sideShown(layout, true), sideShown(layout, false)]).toEqual(["right", "bottom"]);
  });
  it("grows and shrinks by keys, within bounds", () => {
    expect(resizedByKey(DEFAULT_LAYOUT, "bottom", "ArrowUp")?.bottom).toBe(46);
    expect(resizedByKey(DEFAULT_LAYOUT, "right", "ArrowRight")?.right).toBe(38);
    expect(resizedByKey(DEFAULT_LAYOUT, "right", "ArrowUp")).toBe(null);
    expect(resizedByKey(DEFAULT_LAYOUT, "bottom", "Home")?.bottom).toBe(SMALLEST);
    expect(resized(DEFAULT_LAYOUT, "bottom", 99).bottom).toBe(LARGEST);
  });
  it("moves between tabs in a circle", () => {
    expect([tabAfterKey(2, 3, "ArrowRight"), tabAfterKey(0, 3, "ArrowLeft"), tabAfterKey(1, 3, "End"), tabAfterKey(0, 3, "x")]).toEqual([0, 2, 2, null]);
  });
});

describe("words", () => {
  it("tell a step's end", () => {
    expect(verdict({ kind: "exit", exit: 0, output: "" }, 0.42)).toEqual({ state: "ok", words: "exit 0 · 0.4 s" });
    expect(verdict({ kind: "exit", exit: 137, output: "" }, 2).state).toBe("failed");
    expect(verdict({ kind: "refused", why: "Busy." }, 0).words).toBe("Not typed. Busy.");
    expect([duration(0.01), duration(12.3), duration(125)]).toEqual(["under 0.1 s", "12 s", "2 min 5 s"]);
  });
  it("say what a host lacks", () => {
    expect(whyNot(["limits", "nested_engine"], { limits: true, nested_engine: true }, "")).toBe("");
    expect(whyNot(["limits", "gpu"], {}, "No cgroup v2.")).toMatch(/limits on memory.* and gpu.*No cgroup v2\./);
  });
});

describe("protocol", () => {
  it("reads messages, and nothing else", () => {
    expect(parseServerMessage('{"type":"exit","code":null,"reason":5}')).toEqual({ type: "exit", code: null, reason: "" });
    expect(parseServerMessage('{"type":"hello","terminal":"t","output":5,"end":3,"input":0}')).toMatchObject({ end: 5 });
    for (const bad of ["", "[]", "null", '{"type":"accepted","input":-1}', '{"type":"gap","output":1e99}']) expect(parseServerMessage(bad)).toBe(null);
  });
  it("makes paths that stay where they are", () => {
    expect(terminalPath("a/../b", "host", { cols: Number.NaN, rows: 9e9, client: "c", output: 7 })).toBe(
      "/api/sandboxes/a%2F..%2Fb/terminals/host?cols=1&rows=500&client=c&output=7",
    );
  });
  it("knows final closes", () => {
    expect([4399, 4400, 4410, 4411, 1012].map(isFinalClose)).toEqual([false, true, true, false, false]);
  });
});

describe("links", () => {
  it("are http and https only", () => {
    expect(safeLink("https://example.org/a")?.href).toBe("https://example.org/a");
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "nonsense"]) expect(safeLink(bad)).toBe(null);
  });
});

describe("back-off", () => {
  it("spreads out and has an end", () => {
    expect([backoff(0, 0), backoff(0, 1), backoff(99, 1)]).toEqual([100, 200, 10_000]);
  });
});

describe("the sandbox", () => {
  const ending = { ends_in: null, ends_why: "", extendable: false, extension: 0 } as const;
  const sandbox = (state: Sandbox["state"], detail = ""): Sandbox => ({ id: "s1", state, detail, lesson: "l", driver: "d", since: 0, place: null, wait: null, sessions: [], ...ending });
  const missing = new ApiError(404, "not-found", "No such sandbox.", "");
  const away = new ApiError(0, NO_SERVER, "Nobody.", "");
  const calls = (answers: (Sandbox | Error)[], log: string[]) => {
    const next = (name: string) => async (): Promise<Sandbox> => {
      log.push(name);
      const answer = answers.shift();
      if (!answer || answer instanceof Error) throw answer ?? new Error("asked too often");
      return answer;
    };
    return { start: next("start"), sandbox: next("look"), reset: next("reset") };
  };
  const at_once = async (): Promise<void> => {};

  it("is asked for once, and followed until it is ready", async () => {
    const log: string[] = [];
    const seen: string[] = [];
    const watch = new SandboxWatch(calls([sandbox("starting", "Booting."), away, sandbox("starting", "Nearly."), sandbox("ready")], log), at_once);
    watch.subscribe((view) => seen.push(view.name === "starting" ? view.detail : view.name));
    expect(await Promise.all([watch.ensure("l"), watch.ensure("l")])).toEqual(["s1", "s1"]);
    expect(log).toEqual(["start", "look", "look", "look"]);
    expect(seen).toEqual(["none", "Asking for it.", "Booting.", "Nearly.", "ready"]);
  });

  it("that failed says why, and is reset by the next try", async () => {
    const log: string[] = [];
    const watch = new SandboxWatch(calls([sandbox("failed", "The disk is full."), sandbox("ready")], log), at_once);
    await expect(watch.ensure("l")).rejects.toThrow("The disk is full.");
    expect(watch.view).toMatchObject({ name: "failed", words: "The disk is full." });
    await watch.ensure("l");
    expect(log).toEqual(["start", "reset"]);
  });

  it("that vanished is started anew by a reset", async () => {
    const log: string[] = [];
    const watch = new SandboxWatch(calls([sandbox("ready"), missing, sandbox("ready")], log), at_once);
    await watch.ensure("l");
    await watch.reset();
    expect(log).toEqual(["start", "reset", "start"]);
  });

  it("that has ended says why, in the server's words, and starts anew only when one is wanted", async () => {
    const log: string[] = [];
    const full = "Nobody typed in it for 1 hour. What you did in the course is kept.";
    const watch = new SandboxWatch(calls([sandbox("ready"), away, sandbox("ended", full), sandbox("ready")], log), at_once);
    await watch.ensure("l");
    watch.ended("Nobody typed in it for 1 hour.");
    await watch.explain("s1"); // nobody answers: the short words stay
    expect(watch.view).toEqual({ name: "ended", words: "Nobody typed in it for 1 hour." });
    await watch.explain("s1");
    expect(watch.view).toEqual({ name: "ended", words: full });
    await watch.ensure("l");
    expect(watch.view.name).toBe("ready");
    expect(log).toEqual(["start", "look", "look", "start"]);
  });

  it("that is being started anew is not said to have ended", async () => {
    const watch = new SandboxWatch(calls([sandbox("ready")], []), at_once);
    const ready = watch.ensure("l");
    watch.ended("The old one.");
    expect(watch.view.name).toBe("starting");
    await ready;
  });

  it("is gone when the server says so, not when nobody answers", async () => {
    const watch = new SandboxWatch(calls([missing, away, sandbox("ready")], []), at_once);
    expect([await watch.gone("s1"), await watch.gone("s1"), await watch.gone("s1")]).toEqual([true, false, false]);
  });
});
