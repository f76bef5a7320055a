/* How classes are told: codes, states and times in words, addresses of their pages: pure. Knows no page and no server. */

import type { ClassOut, Learner, LessonName, State } from "./classes-api";
import { part } from "./lessons";

const DIGITS = 9;

/** What was typed, in groups of three as it is read out; what no code can have is left out. */
export const grouped = (typed: string): string => (digits(typed).match(/.{1,3}/g) ?? []).join("-");

/** Whether it is long enough to be a code. */
export const whole = (typed: string): boolean => digits(typed).length === DIGITS;

const digits = (typed: string): string => typed.replace(/[oq]/gi, "0").replace(/[il]/gi, "1").replace(/[^0-9]/g, "").slice(0, DIGITS);

/** What stands behind `/join/` or `/room/` in an address, or "". */
export function behind(page: "join" | "room", path: string): string {
  const found = new RegExp(`/${page}/([^/]+)/?$`).exec(path)?.[1] ?? "";
  try {
    return found === "index.html" ? "" : decodeURIComponent(found);
  } catch {
    return ""; // a % that stands for nothing
  }
}

export const STATES: Record<State, string> = { planned: "not open yet", open: "open", closed: "closed", archived: "archived" };

/** `opens Thu 3 Dec, 09:00`, in the reader's own time; "" where nothing is planned. `now` in ms. */
export function timesWords(of: Pick<ClassOut, "state" | "opens" | "closes">, now: number): string {
  const next = (at: number | null): boolean => at !== null && at * 1000 > now;
  if (of.state === "planned" && of.opens !== null) return `opens ${moment(of.opens)}`;
  if (of.state === "open" && next(of.closes)) return `closes ${moment(of.closes ?? 0)}`;
  if (of.state === "closed" && of.closes !== null && !next(of.closes)) return `closed since ${moment(of.closes)}`;
  return "";
}

const moment = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleString("en-GB", { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** `just now`, `5 min ago`, `3 h ago`, `2 days ago`. Clocks differ a little: what is yet to come is now. */
export function ago(seconds: number | null, now: number): string {
  if (seconds === null) return "not yet";
  const minutes = Math.floor((now / 1000 - seconds) / 60);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ago`;
  const days = Math.floor(hours / 24);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

/** A time as `<input type="datetime-local">` has it, in the reader's own time; "" for none. */
export function toLocal(seconds: number | null): string {
  if (seconds === null) return "";
  const at = new Date(seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** And back: seconds since the epoch, or null. */
export function fromLocal(value: string): number | null {
  const at = new Date(value).getTime();
  return value && Number.isFinite(at) ? at / 1000 : null;
}

/** `3 of 30 learners`. */
export const seatsWords = (learners: number, seats: number): string => `${learners} of ${seats} ${seats === 1 ? "seat" : "seats"} taken`;

/** Percent of a lesson, and what it is of, for one cell of the roster. */
export function cell(learner: Learner, lesson: LessonName): { percent: number; words: string; more: string } {
  const of = learner.lessons[lesson.id];
  if (!of) return { percent: 0, words: "–", more: "" };
  const { steps, tasks, questions, predictions } = of.done;
  const percent = Math.round(part(of) * 100);
  const begun = [steps, tasks, questions, predictions].some(([done]) => done > 0);
  const counts = [["steps", steps], ["tasks", tasks], ["quiz", questions], ["predictions", predictions]] as const;
  const more = counts.filter(([, [, all]]) => all > 0).map(([name, [done, all]]) => `${name} ${done}/${all}`).join(", ");
  const words = of.complete ? "complete" : begun ? `${Math.max(percent, 1)} %` : "–";
  return { percent: of.complete ? 100 : percent, words, more };
}

/** Who is there now and wasn't before, in a sentence for a screen reader; "" for nobody. */
export function arrived(before: readonly Learner[], now: readonly Learner[]): string {
  const known = new Set(before.map((one) => one.id));
  const names = now.filter((one) => !known.has(one.id)).map((one) => one.name);
  if (!names.length) return "";
  return names.length > 3 ? `${names.length} learners joined.` : `${names.join(", ")} joined.`;
}

/** A browser's name out of what it calls itself. */
export function browser(agent: string): string {
  const name = /Edg\//.test(agent) ? "Edge" : /Firefox\//.test(agent) ? "Firefox" : /Chrom(e|ium)\//.test(agent) ? "Chrome" : /Safari\//.test(agent) ? "Safari" : "";
  const system = /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS" : /Windows/.test(agent) ? "Windows" : /Mac OS/.test(agent) ? "macOS" : /Linux/.test(agent) ? "Linux" : "";
  return [name || agent.slice(0, 40) || "A browser", system].filter(Boolean).join(" on ");
}
