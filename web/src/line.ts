/* A place in the line for a sandbox, in words, and when to look again. Pure. */

import type { Sandbox } from "./api";

const SOON = 300; // ms between two looks
const LATE = 2000;

const ENDS: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };
const rules = new Intl.PluralRules("en", { type: "ordinal" });

/** "1st", "12th", "23rd" */
export const ordinal = (n: number): string => `${n}${ENDS[rules.select(n)] ?? "th"}`;

/** "about 20 s": never more exact than an estimate is. */
export function about(seconds: number): string {
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
  return `about ${seconds > 10 ? Math.round(seconds / 5) * 5 : Math.max(1, Math.round(seconds))} s`;
}

/** What a sandbox that is starting is waiting for. */
export function words({ place, wait, detail }: Pick<Sandbox, "place" | "wait" | "detail">): string {
  if (!place) return detail;
  const where = place === 1 ? "You are next in line" : `You are ${ordinal(place)} in line`;
  return wait === null ? `${where}.` : `${where}, ${about(wait)}.`;
}

/** Milliseconds until the next look: often where it is soon ready, seldom at the end of a long line. */
export function pause({ place, wait }: Pick<Sandbox, "place" | "wait">, before: number): number {
  if (!place) return Math.min(LATE, Math.max(SOON, before * 1.5));
  return Math.min(LATE, Math.max(SOON, (wait ?? place) * 250));
}
