import { describe, expect, it } from "vitest";
import { ApiError, type Sandbox } from "../src/api";
import { Lookout, OFTEN, pause, SELDOM, SOON } from "../src/lookout";

const box = (given: Partial<Sandbox> = {}): Sandbox => ({
  id: "s1", state: "ready", lesson: "a", driver: "pty", detail: "", since: 0, place: null, wait: null, sessions: [],
  ends_in: 3600, ends_why: "idle", extendable: true, extension: 0, ...given,
});

class Page {
  told: Sandbox[] = [];
  asked: string[] = [];
  timers: { seconds: number; call: () => void }[] = [];
  answer: () => Promise<Sandbox> = async () => box();
  visible = true;
  terminal = false;
  readonly lookout = new Lookout({
    ask: (id) => {
      this.asked.push(id);
      return this.answer();
    },
    tell: (sandbox) => this.told.push(sandbox),
    told: () => this.terminal,
    visible: () => this.visible,
    later: (ms, call) => {
      const timer = { seconds: ms / 1000, call };
      this.timers.push(timer);
      return () => {
        this.timers = this.timers.filter((other) => other !== timer);
      };
    },
  });

  /** The time of the only timer, which fires. */
  async fire(): Promise<number> {
    expect(this.timers.length).toBe(1);
    const timer = this.timers.pop();
    timer?.call();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    return timer?.seconds ?? 0;
  }
}

describe("lookout", () => {
  it("asks nothing and waits for nothing where there is no sandbox", () => {
    const page = new Page();
    page.lookout.know(null);
    page.lookout.know(box({ state: "ended" }));
    page.lookout.back();
    expect([page.timers, page.asked, page.told]).toEqual([[], [], []]);
  });

  it("looks rarely while the end is far, and often when it is near", () => {
    expect([null, 3600, 700, 301, 300, 7, 0].map(pause)).toEqual([SELDOM, SELDOM, 401, 2, OFTEN, 8, 1]);
  });

  it("tells what it sees until it is over", async () => {
    const page = new Page();
    page.lookout.know(box({ ends_in: 400 }));
    page.answer = async () => box({ ends_in: 299 });
    expect(await page.fire()).toBe(101);
    page.answer = async () => box({ state: "ended", detail: "Nobody typed." });
    expect(await page.fire()).toBe(OFTEN);
    expect(page.told.map((one) => one.ends_in ?? one.state)).toEqual([400, 299, 3600]);
    expect(page.told.at(-1)?.detail).toBe("Nobody typed.");
    expect([page.timers, page.lookout.id]).toEqual([[], ""]);
  });

  it("leaves it to a terminal that is connected", async () => {
    const page = new Page();
    page.terminal = true;
    page.lookout.follow("s1");
    expect(await page.fire()).toBe(SOON);
    expect([page.asked, page.told]).toEqual([[], []]);
    page.terminal = false;
    await page.fire();
    expect(page.asked).toEqual(["s1"]);
  });

  it("asks nothing out of sight, and at once when it is seen again and was due", async () => {
    const page = new Page();
    page.lookout.know(box());
    page.lookout.back();
    expect(page.asked).toEqual([]);
    page.visible = false;
    await page.fire();
    expect(page.asked).toEqual([]);
    page.visible = true;
    page.lookout.back();
    expect(page.asked).toEqual(["s1"]);
  });

  it("tries again where nobody answers, and stops where there is no such sandbox", async () => {
    const page = new Page();
    page.lookout.follow("s1");
    page.answer = () => Promise.reject(new ApiError(503, "spawner-gone", "", ""));
    await page.fire();
    page.answer = () => Promise.reject(new ApiError(404, "not-found", "", ""));
    expect(await page.fire()).toBe(SOON);
    expect([page.timers, page.lookout.id]).toEqual([[], ""]);
  });

  it("takes no answer about another sandbox", async () => {
    const page = new Page();
    page.lookout.follow("s1");
    let answer: (sandbox: Sandbox) => void = () => {};
    page.answer = () => new Promise((resolve) => (answer = resolve));
    await page.fire();
    page.lookout.follow("s2");
    answer(box({ state: "ended" }));
    await Promise.resolve();
    expect([page.lookout.id, page.told]).toEqual(["s2", []]);
  });
});
