/* What a verdict on a quiz question is called: pure words. */

import type { QuizVerdict } from "./api";

/** The sentence above the reasons. */
export function headline(verdict: QuizVerdict): string {
  if (verdict.right) return "Right.";
  const judged = Object.values(verdict.options);
  const good = judged.filter((option) => option.right).length;
  if (!good) return judged.length > 1 ? "None of these." : "Not this one.";
  return good === judged.length ? "Right so far, but there is more to pick." : `${good} of the ${judged.length} you picked ${good === 1 ? "is" : "are"} right.`;
}

export const score = (right: number, all: number): string => (right === all ? (all === 1 ? "Right." : `All ${all} right.`) : `${right} of ${all} right`);

/** The same picks, in any order. */
export const samePicks = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((id) => other.includes(id));
