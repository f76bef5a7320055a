/* What a step's end is called: pure words. */

import type { RunResult } from "./session";

export type StepState = "waiting" | "running" | "ok" | "failed" | "inside" | "lost" | "refused" | "skipped" | "none";

export interface Verdict {
  state: StepState;
  words: string;
}

const NEEDS: Readonly<Record<string, string>> = {
  limits: "limits on memory, CPU and processes",
  disk_quota: "a disk quota",
  nested_engine: "containers inside the sandbox",
};

/** Seconds as a learner reads them: `under 0.1 s`, `0.4 s`, `12 s`, `2 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.1) return "under 0.1 s";
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function verdict(result: RunResult, seconds: number): Verdict {
  switch (result.kind) {
    case "exit":
      if (result.exit === null) return { state: "ok", words: `done · ${duration(seconds)}` };
      return { state: result.exit === 0 ? "ok" : "failed", words: `exit ${result.exit} · ${duration(seconds)}` };
    case "inside":
      return { state: "inside", words: "It opened a shell: what you run next goes there, and exit leaves it." };
    case "lost":
      return { state: "lost", words: `${result.why} This step may not have run: look, then run it again.` };
    case "refused":
      return { state: "refused", words: `Not typed. ${result.why}` };
    case "cancelled":
      return { state: "none", words: "" };
  }
}

/** Why what has these needs can't be done on this host; "" where it can. */
export function whyNot(needs: readonly string[], capabilities: Readonly<Record<string, unknown>>, reason: string, can = "Can’t run here"): string {
  const lacking = needs.filter((need) => capabilities[need] !== true).map((need) => NEEDS[need] ?? need);
  if (!lacking.length) return "";
  return `${can}: it needs ${lacking.join(" and ")}, which this host can’t give.${reason ? ` ${reason}` : ""}`;
}
