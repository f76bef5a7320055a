/* How recordings are told: when, how long, how large. Pure. */

import type { Recording } from "./classes-api";

export const moment = (seconds: number): string =>
  new Date(seconds * 1000).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** `2 min 5 s`; "now" while it goes on. */
export function lasted(of: Pick<Recording, "begun" | "ended">): string {
  if (of.ended === null) return "goes on";
  const seconds = Math.max(0, Math.round(of.ended - of.begun));
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return minutes ? `${minutes} min ${seconds % 60} s` : `${seconds} s`;
}

/** `12 KB`, `3.4 MB`. */
export const sized = (bytes: number): string => (bytes < 999_500 ? `${Math.max(1, Math.round(bytes / 1000))} KB` : `${(bytes / 1e6).toFixed(1)} MB`);
