/* The tasks of a page: checked while the learner works, and by a button; a hint on asking. Knows the sandbox watch and the
   learner's progress; checker.ts says when. Only a button starts a sandbox. */

import { api, ApiError, type TaskResult } from "./api";
import { Checker } from "./checker";
import type { HostWatch } from "./host";
import { later } from "./later";
import { whyNot } from "./outcome";
import type { ProgressStore } from "./progress";
import type { SandboxWatch } from "./sandbox";
import { Card } from "./task-card";

const AT_ONCE = 16; // tasks in one call

export class Tasks {
  private cards: Card[] = [];
  private readonly checker: Checker;
  private line: Promise<unknown> = Promise.resolve(); // one request at a time
  private readonly busy = new Map<string, boolean>(); // by terminal
  private worked = false; // in this window, in a terminal

  constructor(
    private readonly watch: SandboxWatch,
    private readonly progress: ProgressStore,
    private readonly host: HostWatch,
  ) {
    this.checker = new Checker({
      later,
      now: () => performance.now(),
      wanted: () => this.open.length > 0 && this.watch.view.name === "ready" && document.visibilityState === "visible",
      check: () => this.checkOpen(),
    });
    progress.subscribe(() => this.restore());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.worked) this.checker.nudge();
    });
  }

  wake(root: ParentNode): void {
    this.cards = this.cards.filter((card) => card.element.isConnected);
    for (const element of root.querySelectorAll<HTMLElement>(".lab-task:not([data-awake])")) {
      const card = new Card(element, { check: (one) => void this.press(one), hint: (one) => void this.hint(one) });
      this.cards.push(card);
      void this.judge(card);
    }
    if (!this.cards.length) this.checker.stop();
    this.restore();
  }

  /** A terminal did something: `ended` where a command did, `taken` where a program has it. */
  terminal(session: string, what: "output" | "ended", taken: boolean): void {
    this.busy.set(session, taken);
    this.worked = true;
    if (!this.open.length) return;
    if (what === "ended") this.checker.ended();
    else this.checker.output([...this.busy.values()].includes(true));
  }

  private get open(): Card[] {
    return this.cards.filter((card) => card.element.isConnected && !card.passed && !card.blocked);
  }

  private async judge(card: Card): Promise<void> {
    if (!card.needs.length) return;
    const host = await this.host.ready(() => card.element.isConnected);
    if (host) card.block(whyNot(card.needs, { ...host.capabilities }, host.reason, "Can’t be checked here"));
  }

  private restore(): void {
    for (const card of this.cards) {
      const passed = this.progress.lesson(card.lesson)?.tasks[card.name]?.passed;
      if (passed) card.pass(false);
      else if (this.progress.value) card.open();
    }
  }

  private async checkOpen(): Promise<void> {
    const { view } = this.watch;
    const lesson = this.open[0]?.lesson;
    if (view.name !== "ready" || lesson === undefined) return;
    const cards = this.open.filter((card) => card.lesson === lesson).slice(0, AT_ONCE);
    await this.inLine(() => this.check(view.id, lesson, cards, false));
  }

  private async check(id: string, lesson: string, cards: Card[], asked: boolean): Promise<void> {
    const { tasks } = await api.check(id, lesson, cards.map((card) => card.name), !asked);
    for (const result of tasks) this.show(cards.find((card) => card.name === result.task), result, asked);
  }

  private show(card: Card | undefined, result: TaskResult, asked: boolean): void {
    if (!card || card.passed) return;
    if (!result.passed) {
      card.missing(result.hint, asked);
      return;
    }
    card.pass(true);
    this.progress.taskPassed(card.lesson, card.name);
  }

  private press(card: Card): Promise<void> {
    return this.withSandbox(card, "checking…", (id) => this.check(id, card.lesson, [card], true));
  }

  private hint(card: Card): Promise<void> {
    return this.withSandbox(card, "looking at your sandbox…", async (id) => {
      const { hint } = await api.hint(id, card.lesson, card.name);
      document.dispatchEvent(new CustomEvent("lab:hint"));
      card.hinted(hint);
    });
  }

  /** For a button: starts a sandbox where there is none, and says how it goes. */
  private async withSandbox(card: Card, words: string, act: (id: string) => Promise<void>): Promise<void> {
    if (card.busy) return;
    card.busy = true;
    const end = this.watch.subscribe((view) => {
      if (view.name === "starting") card.say(`Sandbox starting… ${view.detail}`);
    });
    try {
      const id = await this.watch.ensure(card.lesson);
      end();
      card.say(words);
      await this.inLine(() => act(id));
    } catch (error) {
      card.say(error instanceof ApiError ? error.words : "That did not work. Try again.", "trouble");
      if (error instanceof ApiError && error.status === 404) this.watch.doubt(); // the sandbox may be gone
    } finally {
      end();
      card.busy = false;
      card.settle();
    }
  }

  private inLine<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.line.then(act, act);
    this.line = turn.catch(() => {});
    return turn;
  }
}
