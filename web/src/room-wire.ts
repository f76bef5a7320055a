/* What the instructor's room is told on the channel of a class (`/api/classes/<id>/wall`), as docs/develop/protocol.md has it.
   Shapes only. What is optional comes from a part of the server that may have nothing to say. */

import type { State } from "./classes-api";

/** A learner, as the wall has them. Only those that changed are sent. */
export interface Tile {
  id: string; // in this class
  name: string;
  online: boolean; // has a page open
  lesson: string; // an id, or ""
  step: string; // "block/2", a task's or question's name, or ""
  tasks: [done: number, all: number]; // of the class's lessons
  share: number; // percent of everything there is to do in them
  active: number | null; // seconds since the epoch of the last sign of life, to about ten seconds
  stuck: string; // why they may be, in a few words, or ""
  sandbox: "" | "starting" | "ready" | "failed" | "ended";
  sessions: string[]; // terminals that are open and may be seen; the one that was typed in last comes first
  hand?: { since: number; question: string } | null;
  watchers?: string[]; // names of those who look at a terminal of theirs now
  typing?: { by: string; state: "asked" | "granted" } | null;
  consented?: boolean; // to being recorded
}

/** What holds for the whole class. */
export interface RoomState {
  title: string;
  state: State;
  learners: number;
  readings?: number; // another one: the class, or who is in it or runs it, may be another
  lessons: { id: string; title: string; url: string }[]; // of the class
  message?: { text: string; by: string; at: number } | null;
  here?: { lesson: string; step: string; title: string; part: string; url: string; by: string; at?: number } | null; // `part`: the step in words, or ""
  paused?: { by: string; at: number } | null;
  closes_in?: number | null;
  ending?: { by: string; at: number } | null; // it was ended with a countdown
  present?: { by: string; session: string; at: number } | null; // a terminal that everybody is shown
}

/** A task of the class's lessons; learners' marks stand in this order. */
export interface HeatTask {
  lesson: string;
  name: string;
  title: string;
}

/** What the server says. Of `tiles` and `passed` only what changed comes; the first after a connection opened has everybody. */
export type WallMessage =
  | ({ type: "room" } & RoomState)
  | { type: "tiles"; tiles: Tile[]; gone: string[] }
  | { type: "heat"; tasks?: HeatTask[]; passed: Record<string, string> };

/** New bytes of a learner's terminal; `anew`: they begin with an empty screen. */
export interface Miniature {
  id: string;
  session: string;
  cols: number;
  rows: number;
  anew: boolean;
  bytes: Uint8Array;
}
