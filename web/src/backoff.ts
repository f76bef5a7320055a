/* How long to wait before the next try: quick at first (a web process is back within a second), then up to ten
   seconds, never the same for everybody. Pure. */

const FIRST = 200; // ms
const MOST = 10_000; // ms

/** Milliseconds before try number `attempt` (from 0); `random` is in 0…1. */
export function backoff(attempt: number, random: number): number {
  const most = Math.min(MOST, FIRST * 2 ** Math.min(attempt, 16));
  return Math.round(most * (0.5 + random / 2));
}
