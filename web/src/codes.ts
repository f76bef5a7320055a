/* Resume codes as people write them down: pure. The server reads them in any case, with or without dashes. */

const SYMBOLS = 16;

/** What was typed or pasted, in groups of four as it is shown elsewhere; what no code can have is left out. */
export const grouped = (typed: string): string => (symbols(typed).match(/.{1,4}/g) ?? []).join("-");

/** Whether it is long enough to be a code. */
export const whole = (typed: string): boolean => symbols(typed).length === SYMBOLS;

const symbols = (typed: string): string => typed.toUpperCase().replace(/[^0-9A-Z]/g, "");

/** What came of it, in words. */
export const mergedWords = (merged: number): string => {
  if (!merged) return "This browser now goes on as you. Nothing had to be merged.";
  return `This browser now goes on as you. Merged ${merged} ${merged === 1 ? "item" : "items"} done here before.`;
};

/** `24 December 2026`, in the learner's own time. */
export const day = (seconds: number): string => new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
