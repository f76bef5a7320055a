/* How a wall says things: places in lessons, counts, news for a screen reader: pure. Knows the lessons' list as /api/lessons gives it. */

import type { HeatTask, Tile } from "./room-wire";
import type { Counts, Spot } from "./wall-order";

export interface LessonOf {
  id: string;
  title: string;
  blocks: { id: string; caption: string }[];
  tasks: { name: string; title: string }[];
}

/** Lessons by id. */
export type Lessons = ReadonlyMap<string, LessonOf>;

/** `Namespaces, step 2`, a task's title, `the quiz`; "" where it is at the lesson and no more is known. */
export function stepWords(lessons: Lessons, lesson: string, step: string): string {
  const of = lessons.get(lesson);
  if (!step || !of) return step;
  const [block, n] = step.split("/");
  if (n !== undefined) return `${of.blocks.find((one) => one.id === block)?.caption || block}, step ${n}`;
  return of.tasks.find((one) => one.name === step)?.title ?? "the quiz";
}

/** Where a learner is: the lesson's title, and the place in it. */
export function placeWords(lessons: Lessons, { lesson, step }: Pick<Spot, "lesson" | "step">): [lesson: string, place: string] {
  return lesson ? [lessons.get(lesson)?.title ?? lesson, stepWords(lessons, lesson, step)] : ["", ""];
}

export const learnersWords = (count: number): string => `${count} ${count === 1 ? "learner" : "learners"}`;

/** `12 learners, 9 online, 2 maybe stuck, 1 hand`. */
export function countWords({ all, online, stuck, hands }: Counts): string {
  const words = [learnersWords(all), `${online} online`];
  if (stuck) words.push(`${stuck} maybe stuck`);
  if (hands) words.push(hands === 1 ? "1 hand" : `${hands} hands`);
  return words.join(", ");
}

/** What is new about a learner and worth being said aloud, or "". */
export function newsOf(before: Tile | undefined, now: Tile): string {
  if (now.hand && !before?.hand) return `${now.name} raises a hand${now.hand.question ? `: ${now.hand.question}` : ""}.`;
  if (now.stuck && now.online && !before?.stuck) return `${now.name}: ${now.stuck}.`;
  return "";
}

/** One or two words of a terminal that can't be shown; "" where it is about to be. */
export function emptyWords(tile: Tile): string {
  if (tile.sessions.length) return "";
  if (tile.sandbox === "starting") return "Sandbox is starting";
  if (tile.sandbox === "failed") return "Sandbox could not be made";
  if (tile.sandbox === "ended") return "Sandbox has ended";
  return tile.sandbox === "ready" ? "No terminal is shown" : "No sandbox";
}

/** The tasks in groups, one a lesson, with where each begins. */
export function byLesson(tasks: readonly HeatTask[]): { lesson: string; at: number; tasks: HeatTask[] }[] {
  const groups: { lesson: string; at: number; tasks: HeatTask[] }[] = [];
  tasks.forEach((task, at) => {
    const last = groups.at(-1);
    if (last?.lesson === task.lesson) last.tasks.push(task);
    else groups.push({ lesson: task.lesson, at, tasks: [task] });
  });
  return groups;
}
