/* Tells the server how a step ended, and the page what the server makes of it. Knows blocks' steps, predictions and the
   learner's progress. A server that can't keep it now, or isn't reached, is told again for some minutes; the lesson goes on. */

import { ApiError, api, type StepEnded } from "./api";
import { backoff } from "./backoff";
import { type ProgressStore, stepKey } from "./progress";
import type { RunResult } from "./session";
import type { Step } from "./step";

const AGAIN = new Set([0, 429, 502, 503, 504]); // statuses of a server that is away, or can't keep it now
export const TRIES = 30; // about five minutes
const MOST = 32_768; // bytes of output that the server reads; in UTF-16 units this is never more than asked

export class Recorder {
  private readonly steps = new Map<Step, { lesson: string; block: string }>();
  private readonly last = new WeakMap<Step, RunResult>();

  constructor(
    private readonly progress: ProgressStore,
    private readonly tell: typeof api.stepEnded = api.stepEnded,
    private readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {
    progress.subscribe(() => this.show());
  }

  add(step: Step, lesson: string, block: string): void {
    for (const old of this.steps.keys()) if (!old.element.isConnected) this.steps.delete(old);
    this.steps.set(step, { lesson, block });
    this.mark(step);
  }

  /** A step came to its end in a terminal; any other end says nothing about it. */
  async ended(step: Step, result: RunResult): Promise<void> {
    const place = this.steps.get(step);
    if (!place || (result.kind !== "exit" && result.kind !== "inside")) return;
    const exit = result.kind === "exit" ? result.exit : null;
    const told = { ...place, step: step.number, exit, output: result.output.slice(0, MOST) };
    this.last.set(step, result);
    const answer = await this.until(told, () => this.last.get(step) === result);
    if (!answer) return;
    if (result.kind === "exit") step.matched(answer.matches); // a shell that waits has not printed all it will
    this.progress.step(place.lesson, place.block, step.number, exit, answer.matches, answer.prediction);
  }

  /** The answer, told as often as it takes; null where it can't be had, or another run of the step has made it old. */
  private async until(told: StepEnded, current: () => boolean): Promise<Awaited<ReturnType<typeof api.stepEnded>> | null> {
    for (let attempt = 0; attempt < TRIES && current(); attempt += 1) {
      try {
        return await this.tell(told);
      } catch (why) {
        if (!(why instanceof ApiError) || !AGAIN.has(why.status)) return null;
      }
      await this.pause(backoff(attempt, Math.random()));
    }
    return null;
  }

  private show(): void {
    for (const step of this.steps.keys()) this.mark(step);
  }

  private mark(step: Step): void {
    const place = this.steps.get(step);
    const done = place && this.progress.lesson(place.lesson)?.steps[stepKey(place.block, step.number)];
    step.doneBefore(done !== undefined);
  }
}
