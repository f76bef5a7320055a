/* Which lesson a link leads to, how far it is, and what comes next: pure. Knows addresses and the shape of progress. */

import type { LessonProgress, Progress } from "./api";

/** The id of the lesson at `path` (of an address), or null. Pages end with a slash, or are read as files. */
export function lessonAt(path: string, ids: Iterable<string>): string | null {
  const page = path.replace(/(\/index)?\.html$/, "").replace(/\/+$/, "");
  for (const id of ids) if (page.endsWith(`/${id}`)) return id;
  return null;
}

/** How much of a lesson is done, 0…1; 1 only where it is complete. */
export function part(lesson: Pick<LessonProgress, "done" | "complete">): number {
  if (lesson.complete) return 1;
  const { steps, tasks, questions, predictions } = lesson.done;
  const counts = [steps, tasks, questions, predictions];
  const all = counts.reduce((sum, [, of]) => sum + of, 0);
  const some = counts.reduce((sum, [done, of]) => sum + Math.min(done, of), 0);
  return all ? Math.min(0.97, some / all) : 0;
}

/** For a screen reader: `complete`, `40 % done`, `not begun`. */
export function partWords(lesson: LessonProgress): string {
  if (lesson.complete) return "complete";
  const percent = Math.round(part(lesson) * 100);
  return percent || lesson.at !== null ? `${Math.max(percent, 1)} % done` : "not begun";
}

/** `Steps 12/23 · Tasks 1/3 · …` as pairs; what a lesson has none of is left out. */
export function tally(lesson: LessonProgress): { name: string; done: number; all: number }[] {
  const { steps, tasks, questions, predictions } = lesson.done;
  const rows: [string, [number, number]][] = [["Steps", steps], ["Tasks", tasks], ["Quiz", questions], ["Predictions", predictions]];
  return rows.filter(([, [, all]]) => all > 0).map(([name, [done, all]]) => ({ name, done: Math.min(done, all), all }));
}

export interface Goal {
  id: string;
  kind: "continue" | "next" | "start";
}

/** Where to go on: the lesson of the last activity, or, where that is complete, the first after it that is not; `order` is
    the course's. Null where all is complete, or nothing was begun. */
export function goal(progress: Progress, order: readonly string[]): Goal | null {
  const begun = order.filter((id) => progress.lessons[id]?.at != null);
  if (!begun.length) return null;
  const last = begun.reduce((one, other) => ((progress.lessons[other]?.at ?? 0) > (progress.lessons[one]?.at ?? 0) ? other : one));
  if (!progress.lessons[last]?.complete) return { id: last, kind: "continue" };
  const at = order.indexOf(last);
  const next = [...order.slice(at + 1), ...order.slice(0, at)].find((id) => !progress.lessons[id]?.complete);
  return next === undefined ? null : { id: next, kind: progress.lessons[next]?.at == null ? "next" : "continue" };
}
