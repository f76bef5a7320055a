/* A sandbox's coming end in words: pure. Knows seconds and reasons; doesn't know the DOM, sockets or the server. */

import type { LeaseNotice } from "./protocol";

export interface Ending {
  at: number; // ms, of performance.now
  why: "idle" | "limit";
  extendable: boolean;
  extension: number; // seconds that extending adds; 0 where no limit ends it
}

export const NEAR = 300; // seconds before the end from which on it is shown
export const URGENT = 60; // seconds before the end from which on it interrupts

/** What was told `now`, or null where no end is near. */
export function endingOf(notice: LeaseNotice, now: number): Ending | null {
  const { ends_in, ends_why, extendable, extension } = notice;
  if (ends_in === null || ends_in > NEAR || (ends_why !== "idle" && ends_why !== "limit")) return null;
  return { at: now + ends_in * 1000, why: ends_why, extendable, extension };
}

export const secondsLeft = (ending: Ending, now: number): number => Math.max(0, Math.ceil((ending.at - now) / 1000));

/** 271 → "4:31". */
export const clock = (seconds: number): string => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

/** 3600 → "1 hour", 300 → "5 minutes", 45 → "45 seconds". */
export function span(seconds: number): string {
  const [size, name] = seconds >= 3600 && seconds % 3600 === 0 ? [3600, "hour"] : seconds >= 60 ? [60, "minute"] : [1, "second"];
  const count = Math.round(seconds / size);
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** Why, and what is lost with it. */
export function because(ending: Ending): string {
  if (ending.why === "idle") return "because nobody has typed in it for a while.";
  return ending.extendable ? "because its time is up." : "because its time is up, and it can’t be extended any more. Copy what you need out of it.";
}

/** What the button says; null where there is nothing to press. */
export function offer(ending: Ending): string | null {
  if (!ending.extendable) return null;
  return ending.why === "idle" ? "Keep it" : `Extend by ${span(ending.extension)}`;
}

/** What is read out when the end is first told, and again in its last minute; null where nothing new is to be said.
    `before`: seconds left when something was last read out, null: never. */
export function spoken(ending: Ending, left: number, before: number | null): string | null {
  if (before !== null && (left > URGENT || before <= URGENT)) return null;
  const press = offer(ending);
  const help = press ? ` Press “${press}” to go on.` : "";
  return `Your sandbox ends in ${span(left)} ${because(ending)}${help}`;
}
