import { describe, expect, it } from "vitest";
import { ApiError, type LessonProgress, NO_SERVER, type Progress } from "../src/api";
import { grouped, mergedWords, whole } from "../src/codes";
import { headline, samePicks, score } from "../src/grading";
import { HostWatch } from "../src/host";
import { pieces, plain } from "../src/inline";
import { goal, lessonAt, part, partWords, tally } from "../src/lessons";
import { counted, ProgressStore } from "../src/progress";
import { Recorder, TRIES } from "../src/record";
import type { Step } from "../src/step";

const lesson = (more: Partial<LessonProgress> = {}): LessonProgress => ({
  steps: {},
  tasks: {},
  predictions: {},
  questions: {},
  done: { steps: [0, 3], tasks: [0, 1], questions: [0, 2], predictions: [0, 1] },
  complete: false,
  at: null,
  ...more,
});
const verdict = (right: boolean, options: Record<string, boolean> = { a: right }) => ({
  right,
  options: Object.fromEntries(Object.entries(options).map(([id, yes]) => [id, { right: yes, why: "" }])),
  why: "",
  tries: 1,
});
const store = async (told: Progress | Error = { lessons: { l: lesson() } }): Promise<ProgressStore> => {
  const made = new ProgressStore(
    async () => {
      if (told instanceof Error) throw told;
      return told;
    },
    () => 5000,
  );
  await made.load();
  return made;
};

describe("progress", () => {
  it("counts a step once, and keeps the time", async () => {
    const progress = await store();
    let changes = 0;
    progress.subscribe(() => changes++);
    progress.step("l", "b", 1, 0, true, null);
    progress.step("l", "b", 1, 1, false, null);
    progress.step("l", "b", 2, null, null, { answer: "p1", right: false, why: "w" });
    expect(progress.lesson("l")).toMatchObject({ at: 5, done: { steps: [2, 3], predictions: [1, 1] }, complete: false });
    expect(progress.lesson("l")?.steps["b/1"]).toEqual({ exit: 1, matches: false });
    expect(changes).toBe(3);
  });
  it("a lesson is complete when tasks are passed and questions right, whatever of its steps ran", async () => {
    const progress = await store();
    progress.taskPassed("l", "t");
    progress.answered("l", "q1", verdict(true), ["a"]);
    expect(progress.lesson("l")?.complete).toBe(false);
    progress.answered("l", "q2", verdict(true), ["a"]);
    expect(progress.lesson("l")).toMatchObject({ complete: true, done: { questions: [2, 2] } });
  });
  it("without tasks and questions it is the steps that count", () => {
    const bare = lesson({ done: { steps: [0, 1], tasks: [0, 0], questions: [0, 0], predictions: [0, 0] } });
    expect(counted(bare, 1).complete).toBe(false);
    expect(counted({ ...bare, steps: { "b/1": { exit: 0, matches: null } } }, 1).complete).toBe(true);
  });
  it("keeps a right answer whatever is tried after it", async () => {
    const progress = await store();
    progress.answered("l", "q1", verdict(true), ["a"]);
    progress.answered("l", "q1", verdict(false), ["b"]);
    expect(progress.lesson("l")?.questions.q1).toMatchObject({ right: true, picked: ["a"] });
  });
  it("knows a page without a server from a server that doesn't tell", async () => {
    expect((await store(new ApiError(0, NO_SERVER, "", ""))).server).toBe("away");
    const failing = await store(new ApiError(503, "store", "", ""));
    expect([failing.server, failing.value]).toEqual(["there", null]);
    failing.step("l", "b", 1, 0, true, null); // nothing to keep it in: nothing breaks
    expect(failing.lesson("l")).toBe(null);
  });
  it("keeps what it knew when the server is away for a moment", async () => {
    let away = false;
    const progress = new ProgressStore(async () => {
      if (away) throw new ApiError(0, NO_SERVER, "", "");
      return { lessons: { l: lesson() } };
    });
    await progress.load();
    away = true;
    await progress.load();
    expect([progress.server, progress.lesson("l")?.done.steps]).toEqual(["there", [0, 3]]);
  });
  it("asks again where something happened while it asked", async () => {
    const answers: ((told: Progress) => void)[] = [];
    const progress = new ProgressStore(() => new Promise((tell) => answers.push(tell)));
    const first = progress.load();
    answers[0]?.({ lessons: { l: lesson() } });
    await first;
    const second = progress.load();
    progress.taskPassed("l", "t");
    answers[1]?.({ lessons: { l: lesson() } }); // read before the task was kept
    await Promise.resolve();
    await Promise.resolve();
    expect(progress.lesson("l")?.tasks.t?.passed).toBe(true);
    answers[2]?.({ lessons: { l: lesson({ tasks: { t: { passed: true } } }) } });
    await second;
    expect(progress.lesson("l")?.tasks.t?.passed).toBe(true);
    expect(answers.length).toBe(3);
  });
});

describe("a step's end", () => {
  const element = { isConnected: true } as HTMLElement;
  const said: unknown[] = [];
  const step = { element, number: 2, matched: (matches: unknown) => said.push(matches), doneBefore: (done: unknown) => said.push(done) } as unknown as Step;

  it("is told, and comes back as a match and as progress", async () => {
    const progress = await store();
    const told: unknown[] = [];
    const recorder = new Recorder(progress, async (ended) => {
      told.push(ended);
      return { matches: false, prediction: { answer: "x", right: true, why: "" } };
    });
    recorder.add(step, "l", "b");
    await recorder.ended(step, { kind: "exit", exit: 3, output: "x".repeat(99_999) });
    expect(told).toMatchObject([{ lesson: "l", block: "b", step: 2, exit: 3 }]);
    expect((told[0] as { output: string }).output.length).toBe(32_768);
    expect(said).toEqual([false, false, true]);
    expect(progress.lesson("l")?.predictions["b/2"]?.right).toBe(true);
  });
  it("is not told where nothing ended, and a failure changes nothing", async () => {
    const progress = await store();
    let calls = 0;
    const recorder = new Recorder(progress, async () => {
      calls += 1;
      throw new ApiError(500, "store", "", "");
    });
    recorder.add(step, "l", "b");
    await recorder.ended(step, { kind: "cancelled" });
    await recorder.ended(step, { kind: "lost", why: "", output: "" });
    expect(calls).toBe(0);
    await recorder.ended(step, { kind: "exit", exit: 0, output: "" });
    expect([calls, progress.lesson("l")?.steps]).toEqual([1, {}]);
  });
  it("is told again to a server that is away, as long as the step was not run again", async () => {
    const progress = await store();
    const failures = [new ApiError(503, "store-failed", "", ""), new ApiError(0, NO_SERVER, "", "")];
    const pauses: number[] = [];
    const told: (number | null)[] = [];
    let again: () => void = () => {};
    const recorder = new Recorder(
      progress,
      async (ended) => {
        told.push(ended.exit);
        const failure = failures.shift();
        if (failure) throw failure;
        return { matches: true, prediction: null };
      },
      async (ms) => {
        pauses.push(ms);
        again();
      },
    );
    recorder.add(step, "l", "b");
    await recorder.ended(step, { kind: "exit", exit: 1, output: "" });
    expect([told, progress.lesson("l")?.steps["b/2"]?.exit]).toEqual([[1, 1, 1], 1]);
    expect(pauses.length).toBe(2);
    expect(pauses.every((ms) => ms >= 100)).toBe(true);
    failures.push(new ApiError(503, "store-failed", "", ""));
    let second: Promise<void> = Promise.resolve();
    again = () => {
      again = () => {};
      second = recorder.ended(step, { kind: "exit", exit: 3, output: "" });
    };
    await recorder.ended(step, { kind: "exit", exit: 2, output: "" });
    await second;
    expect([told, progress.lesson("l")?.steps["b/2"]?.exit]).toEqual([[1, 1, 1, 2, 3], 3]);
  });
  it("is given up in the end", async () => {
    let calls = 0;
    const recorder = new Recorder(
      await store(),
      async () => {
        calls += 1;
        throw new ApiError(503, "store-failed", "", "");
      },
      async () => {},
    );
    recorder.add(step, "l", "b");
    await recorder.ended(step, { kind: "exit", exit: 0, output: "" });
    expect(calls).toBe(TRIES);
  });
});

describe("lessons", () => {
  const ids = ["concepts/01-a", "concepts/02-b", "concepts/03-c"];
  it("are known by their address, below any folder", () => {
    expect(lessonAt("/concepts/02-b/", ids)).toBe("concepts/02-b");
    expect(lessonAt("/course/concepts/02-b/index.html", ids)).toBe("concepts/02-b");
    expect(lessonAt("/concepts/02-b.html", ids)).toBe("concepts/02-b");
    for (const other of ["/", "/concepts/", "/xconcepts/02-b2/", "/myconcepts/02-b/"]) expect(lessonAt(other, ids)).toBe(null);
  });
  it("fill a ring, full only when complete", () => {
    expect([part(lesson()), partWords(lesson())]).toEqual([0, "not begun"]);
    const some = lesson({ at: 1, done: { steps: [3, 3], tasks: [1, 1], questions: [0, 2], predictions: [1, 1] } });
    expect([part(some), partWords(some)]).toEqual([5 / 7, "71 % done"]);
    expect(part({ ...some, done: { ...some.done, questions: [2, 2] } })).toBeLessThan(1);
    expect([part({ ...some, complete: true }), partWords({ ...some, complete: true })]).toEqual([1, "complete"]);
  });
  it("tell what there is, and nothing of what there is not", () => {
    const bare = lesson({ done: { steps: [2, 3], tasks: [0, 0], questions: [1, 2], predictions: [0, 0] } });
    expect(tally(bare)).toEqual([{ name: "Steps", done: 2, all: 3 }, { name: "Quiz", done: 1, all: 2 }]);
  });
  it("go on where the learner was, then with the next one", () => {
    const of = (...given: Partial<LessonProgress>[]): Progress => ({ lessons: Object.fromEntries(ids.map((id, i) => [id, lesson(given[i] ?? {})])) });
    expect(goal(of(), ids)).toBe(null);
    expect(goal(of({ at: 5 }, { at: 9 }), ids)).toEqual({ id: ids[1], kind: "continue" });
    expect(goal(of({ at: 5 }, { at: 9, complete: true }), ids)).toEqual({ id: ids[2], kind: "next" });
    expect(goal(of({ at: 5 }, {}, { at: 9, complete: true }), ids)).toEqual({ id: ids[0], kind: "continue" });
    expect(goal(of({ at: 1, complete: true }, { at: 2, complete: true }, { at: 3, complete: true }), ids)).toBe(null);
  });
});

describe("words of a verdict", () => {
  it("say how near it was, and not what is right", () => {
    expect(headline(verdict(true))).toBe("Right.");
    expect(headline(verdict(false))).toBe("Not this one.");
    expect(headline(verdict(false, { a: false, b: false }))).toBe("None of these.");
    expect(headline(verdict(false, { a: true }))).toMatch(/more to pick/);
    expect(headline(verdict(false, { a: true, b: false, c: false }))).toBe("1 of the 3 you picked is right.");
    expect([score(3, 4), score(4, 4)]).toEqual(["3 of 4 right", "All 4 right."]);
    expect([samePicks(["a", "b"], ["b", "a"]), samePicks(["a"], ["b"]), samePicks(["a"], [])]).toEqual([true, false, false]);
  });
});

describe("a line of Markdown", () => {
  it("has code and emphasis", () => {
    expect(pieces("The `*` of **two** is *one*, _this_ too.")).toEqual([
      { kind: "text", text: "The " },
      { kind: "code", text: "*" },
      { kind: "text", text: " of " },
      { kind: "strong", text: "two" },
      { kind: "text", text: " is " },
      { kind: "em", text: "one" },
      { kind: "text", text: ", " },
      { kind: "em", text: "this" },
      { kind: "text", text: " too." },
    ]);
  });
  it("leaves names, globs and sums alone", () => {
    for (const text of ["memory_limit_in_bytes", "2 * 3 * 4", "/proc/*/ns and /sys/*", "a ** b", "`open"]) expect(pieces(text)).toEqual([{ kind: "text", text }]);
  });
  it("shows markup as the text it is, and links by their words", () => {
    expect(pieces("<img src=x onerror=alert(1)>")).toEqual([{ kind: "text", text: "<img src=x onerror=alert(1)>" }]);
    expect(plain("see [namespaces(7)](https://example.org/a_(b)) and **`x`**")).toBe("see namespaces(7) and x");
    expect(pieces("[x](javascript:alert(1))").map((piece) => piece.kind)).toEqual(["text"]);
  });
});

describe("a resume code", () => {
  it("may be typed in any way", () => {
    expect(grouped(" abcd efgh-1234\t5678 ")).toBe("ABCD-EFGH-1234-5678");
    expect([whole("abcd-efgh-1234-5678"), whole("abcd"), whole("")]).toEqual([true, false, false]);
  });
  it("says what was merged", () => {
    expect([mergedWords(0), mergedWords(1), mergedWords(7)].map((words) => words.split(". ")[1])).toEqual(["Nothing had to be merged.", "Merged 1 item done here before.", "Merged 7 items done here before."]);
  });
});

describe("what the host can do", () => {
  const me = (ready: boolean) => ({ learner: "x", sandbox: null, host: { driver: "d", reason: "", ready, detail: "", capabilities: { limits: true, disk_quota: true, nested_engine: true } } });
  it("is asked once, and again while it starts", async () => {
    const answers = [me(false), me(true)];
    let asked = 0;
    const host = new HostWatch(async () => answers[asked++] ?? me(true), async () => {});
    expect((await host.ready(() => true))?.ready).toBe(true);
    await host.ready(() => true);
    expect(asked).toBe(2);
  });
  it("is nothing without a server, and for who doesn't want it any more", async () => {
    const host = new HostWatch(() => Promise.reject(new Error()));
    expect(await host.ready(() => true)).toBe(null);
    expect(await new HostWatch(async () => me(true)).ready(() => false)).toBe(null);
  });
});
