/* Live blocks: what Run, Run all and Edit do. Knows steps, the dock and the sandbox watch.

   A click types its command exactly once: a step that waits or runs takes no second click, and a step that waited when
   its page was left is never typed. Run all goes on after a step that failed (a lesson may want it to fail), and ends
   when the learner stops it, or when a step could not be typed or lost its terminal. Steps with a placeholder, and
   those this host can't run, are passed over and say so. */

import { ApiError } from "./api";
import type { Dock } from "./dock";
import { h } from "./dom";
import type { HostWatch } from "./host";
import { verdict, whyNot } from "./outcome";
import { paused } from "./paused";
import { Prediction } from "./predict";
import type { ProgressStore } from "./progress";
import type { Recorder } from "./record";
import type { SandboxView, SandboxWatch } from "./sandbox";
import type { RunResult } from "./session";
import { Step } from "./step";

interface Entry {
  abort: AbortController;
  typed: boolean;
  since: number; // when it was typed, of performance.now
}

const FAILED_TO_LOAD: RunResult = { kind: "refused", why: "The terminal could not be loaded: reload the page." };

export class Blocks {
  private readonly under = new Map<Step, Entry>();
  private predictions = new Map<Step, Prediction>();

  constructor(
    private readonly dock: () => Promise<Dock>,
    private readonly watch: SandboxWatch,
    private readonly host: HostWatch,
    private readonly progress: ProgressStore,
    private readonly recorder: Recorder,
  ) {
    progress.subscribe(() => {
      for (const [step, prediction] of this.predictions) {
        if (step.element.isConnected) prediction.show();
        else this.predictions.delete(step);
      }
    });
  }

  /** Wake the blocks in `root`; those awake already are left alone. What waited on a page that is gone is given up. */
  wake(root: ParentNode): void {
    for (const [step, { abort, typed }] of this.under) if (!step.element.isConnected && !typed) abort.abort();
    for (const block of root.querySelectorAll<HTMLElement>(".lab-block:not([data-awake])")) this.wakeBlock(block);
  }

  private wakeBlock(block: HTMLElement): void {
    block.dataset.awake = "";
    const steps = [...block.querySelectorAll<HTMLElement>(".lab-step")].map((element) => this.wakeStep(block, element));
    const all = block.querySelector<HTMLButtonElement>('[data-action="run-all"]');
    if (all) {
      all.hidden = false;
      const title = block.querySelector(".lab-title")?.textContent ?? "";
      const name = (word: string): void => {
        all.textContent = word;
        all.toggleAttribute("data-running", word === "Stop");
        all.setAttribute("aria-label", `${word}: ${title}`);
      };
      name("Run all");
      let abort: AbortController | null = null;
      all.addEventListener("click", () => {
        if (abort) {
          abort.abort();
          return;
        }
        abort = new AbortController();
        name("Stop");
        void this.runAll(steps, abort.signal).finally(() => {
          abort = null;
          name("Run all");
        });
      });
    }
    void this.judge(block, steps);
  }

  private wakeStep(block: HTMLElement, element: HTMLElement): Step {
    const step = new Step(element, { run: (one) => void this.press(one), edit: (one) => void this.edit(one), stop: (one) => void this.stop(one) });
    const { lesson = "", block: id = "" } = block.dataset;
    element.id ||= `lab-${id}-${step.number}`;
    this.recorder.add(step, lesson, id);
    const prediction = Prediction.of(element, lesson, id, step.number, this.progress, () => void this.run(step));
    if (prediction) this.predictions.set(step, prediction);
    return step;
  }

  /** Run, unless the step wants to know first what the learner expects. */
  private async press(step: Step): Promise<void> {
    if (this.under.has(step)) return;
    if (step.blocked || (await this.predictions.get(step)?.mayRun()) !== false) await this.run(step);
  }

  /** Mark the steps that this host can't run, once for the block and shortly at each step. */
  private async judge(block: HTMLElement, steps: Step[]): Promise<void> {
    if (!steps.some((step) => step.needs.length)) return;
    const host = await this.host.ready(() => block.isConnected);
    if (!host) return; // no server: said when something is clicked
    let said = "";
    for (const step of steps) {
      step.blocked = whyNot(step.needs, { ...host.capabilities }, host.reason);
      if (!step.blocked) continue;
      step.show({ state: "skipped", words: step.blocked === said ? "Can’t run here." : step.blocked });
      said = step.blocked;
    }
    if (said && steps.every((step) => step.blocked === said)) {
      steps[0]?.show({ state: "skipped", words: "Can’t run here." });
      block.querySelector(".lab-bar")?.after(h("p", { class: "lab-note" }, said));
      block.querySelector('[data-action="run-all"]')?.setAttribute("hidden", "");
    }
  }

  private async runAll(steps: Step[], signal: AbortSignal): Promise<void> {
    for (const step of steps) {
      if (signal.aborted || !step.element.isConnected) return;
      if (step.blocked) continue;
      if (step.fillIn) {
        step.show({ state: "skipped", words: "Passed over: it has a part for you to fill in." });
        continue;
      }
      const stop = (): void => void this.stop(step);
      signal.addEventListener("abort", stop);
      const result = await this.run(step);
      signal.removeEventListener("abort", stop);
      if (!result || (result.kind !== "exit" && result.kind !== "inside")) return;
    }
  }

  /** Null where a click meant nothing: the step is under way. */
  private run(step: Step): Promise<RunResult | null> {
    return this.with(step, async (dock, entry) => {
      let since = performance.now();
      const result = await dock.run(step.session, step.command, entry.abort.signal, () => {
        entry.typed = true;
        since = entry.since = performance.now();
        step.running(since);
      });
      const seconds = (performance.now() - since) / 1000;
      step.show(verdict(result, seconds));
      this.tell(step, result, seconds);
      void this.recorder.ended(step, result);
      return result;
    });
  }

  private async edit(step: Step): Promise<void> {
    await this.with(step, async (dock, entry) => {
      const result = await dock.draft(step.session, step.command, entry.abort.signal);
      const words = step.fillIn ? "In the terminal: fill in the part in <…>, then press Enter." : "In the terminal: change it, then press Enter.";
      step.show(result ? verdict(result, 0) : { state: "none", words });
      return result;
    });
  }

  /** What is typed gets Ctrl-C; what only waits is given up. */
  private async stop(step: Step): Promise<void> {
    const entry = this.under.get(step);
    if (!entry) return;
    if (entry.typed) (await this.dock()).interrupt(step.session);
    else entry.abort.abort();
  }

  private async with(
    step: Step,
    act: (dock: Dock, entry: Entry) => Promise<RunResult | null>,
  ): Promise<RunResult | null> {
    if (this.under.has(step)) return null;
    if (step.blocked) {
      step.show({ state: "skipped", words: step.blocked });
      return null;
    }
    const entry: Entry = { abort: new AbortController(), typed: false, since: 0 };
    this.under.set(step, entry);
    step.waiting("opening the terminal…");
    const tell = (view: SandboxView): void => {
      if (entry.typed) return;
      if (paused.by !== null) step.waiting(`Paused by ${paused.by}: it runs when your class goes on.`);
      else if (view.name === "starting") step.waiting(`sandbox starting… ${view.detail}`, view.since);
      else if (view.name === "ready") step.waiting("waiting for the terminal’s prompt…");
    };
    const unsubscribe = this.watch.subscribe(tell);
    const unpaused = paused.subscribe((by) => {
      if (!entry.typed) tell(this.watch.view);
      else step.running(entry.since, by === null ? "running…" : `paused by ${by}…`);
    });
    try {
      const dock = await this.dock().catch(() => null);
      if (dock) return await act(dock, entry);
      step.show(verdict(FAILED_TO_LOAD, 0));
      return FAILED_TO_LOAD;
    } catch (error) {
      const words = error instanceof ApiError ? error.words : "Something went wrong in the page: reload it.";
      step.show({ state: "refused", words });
      return { kind: "refused", why: words };
    } finally {
      unsubscribe();
      unpaused();
      this.under.delete(step);
    }
  }

  /** `lab:step` on the step's element, for tests and whoever else wants to know. */
  private tell(step: Step, result: RunResult, seconds: number): void {
    const block = step.element.closest<HTMLElement>(".lab-block")?.dataset.block ?? "";
    const detail = { block, step: step.number, session: step.session, command: step.command, seconds, ...result };
    if (result.kind === "exit") step.element.dataset.exit = String(result.exit ?? "");
    else delete step.element.dataset.exit;
    step.element.dispatchEvent(new CustomEvent("lab:step", { bubbles: true, detail }));
  }
}
