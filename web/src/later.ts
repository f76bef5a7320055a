/* Time, as modules that are tested without a clock are given it. */

/** Calls back after `ms`; the result cancels it. */
export function later(ms: number, call: () => void): () => void {
  const timer = setTimeout(call, ms);
  return () => clearTimeout(timer);
}
