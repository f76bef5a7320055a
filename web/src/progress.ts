/* The learner's progress as the page has it: one copy, read once, and kept up as things happen here.
   Knows the shapes of GET /api/progress. Doesn't know the DOM, nor what is shown; who wants to know subscribes.
   Where no course server answers there is none, and nothing breaks. */

import { api, ApiError, type LessonProgress, NO_SERVER, type PredictionDone, type Progress, type QuizVerdict } from "./api";

/** `unknown` until asked; `away`: no course server; `there`: a server, though it may not tell the progress just now. */
export type Server = "unknown" | "away" | "there";

const STALE = 30_000; // ms after which coming back to the page asks again

export const stepKey = (block: string, step: number): string => `${block}/${step}`;

const passed = (lesson: LessonProgress): number => Object.values(lesson.tasks).filter((task) => task.passed).length;
const right = (lesson: LessonProgress): number => Object.values(lesson.questions).filter((question) => question.right).length;
const graded = (lesson: LessonProgress): number => Object.values(lesson.predictions).filter((one) => one.right !== null).length;

/** The lesson with its sums told anew from what is in it; how many there are of each stays. Pure. */
export function counted(lesson: LessonProgress, now: number): LessonProgress {
  const all = lesson.done;
  const done: LessonProgress["done"] = {
    steps: [Object.keys(lesson.steps).length, all.steps[1]],
    tasks: [passed(lesson), all.tasks[1]],
    questions: [right(lesson), all.questions[1]],
    predictions: [graded(lesson), all.predictions[1]],
  };
  const judged = [done.tasks, done.questions].filter(([, of]) => of > 0);
  const needed = judged.length ? judged : [done.steps];
  return { ...lesson, done, complete: lesson.complete || needed.every(([some, of]) => some >= of), at: now };
}

export class ProgressStore {
  value: Progress | null = null;
  server: Server = "unknown";
  private listeners = new Set<() => void>();
  private underWay: Promise<void> | null = null;
  private asked = Number.NEGATIVE_INFINITY;
  private changes = 0;

  constructor(
    private readonly ask: () => Promise<Progress> = api.progress,
    private readonly now: () => number = Date.now,
  ) {}

  /** Called at every change. Returns what ends that. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  lesson(id: string): LessonProgress | null {
    return this.value?.lessons[id] ?? null;
  }

  /** Read it from the server; never throws. What a failing store had told before stays. */
  load(): Promise<void> {
    this.underWay ??= this.read().finally(() => {
      this.underWay = null;
    });
    return this.underWay;
  }

  /** The learner is back: something may have been done elsewhere, or the server may answer again. */
  back(): void {
    if (this.server === "away" || this.now() - this.asked > STALE) void this.load();
  }

  step(lesson: string, block: string, step: number, exit: number | null, matches: boolean | null, prediction: PredictionDone | null): void {
    const key = stepKey(block, step);
    this.change(lesson, (was) => ({
      ...was,
      steps: { ...was.steps, [key]: { exit, matches } },
      predictions: prediction ? { ...was.predictions, [key]: prediction } : was.predictions,
    }));
  }

  predicted(lesson: string, block: string, step: number, prediction: PredictionDone): void {
    this.change(lesson, (was) => ({ ...was, predictions: { ...was.predictions, [stepKey(block, step)]: prediction } }));
  }

  /** A right answer stays one, whatever is tried after it. */
  answered(lesson: string, question: string, verdict: QuizVerdict, picked: string[]): void {
    this.change(lesson, (was) =>
      was.questions[question]?.right && !verdict.right ? was : { ...was, questions: { ...was.questions, [question]: { ...verdict, picked } } },
    );
  }

  taskPassed(lesson: string, task: string): void {
    this.change(lesson, (was) => ({ ...was, tasks: { ...was.tasks, [task]: { passed: true } } }));
  }

  private change(id: string, make: (was: LessonProgress) => LessonProgress): void {
    const was = this.lesson(id);
    if (!was || !this.value) return; // a server that didn't tell the progress keeps it all the same
    const lesson = counted(make(was), this.now() / 1000);
    this.value = { ...this.value, lessons: { ...this.value.lessons, [id]: lesson } };
    this.changes += 1;
    this.tell();
  }

  private async read(): Promise<void> {
    this.asked = this.now();
    try {
      for (let before = -1; before !== this.changes; ) {
        before = this.changes; // what happens meanwhile may not be in the answer: then ask again
        const told = await this.ask();
        if (before === this.changes) this.value = told;
      }
      this.server = "there";
    } catch (error) {
      this.server = error instanceof ApiError && error.code === NO_SERVER && !this.value ? "away" : "there";
    }
    this.tell();
  }

  private tell(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
