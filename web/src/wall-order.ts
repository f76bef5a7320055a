/* The order of a wall's tiles, which of them show, and where the class is: pure. Knows tiles; no page and no server. */

import type { Tile } from "./room-wire";

export type Order = "help" | "name" | "active" | "progress";
export type Only = "all" | "stuck" | "hands" | "online";

export const ORDERS: Record<Order, string> = { help: "Who needs help", name: "Name", active: "Last active", progress: "Progress" };
export const ONLY: Record<Only, string> = { all: "Everybody", hands: "Hands", stuck: "Maybe stuck", online: "Online" };

/** How much a learner needs help: a raised hand before what only looks like it; of those the first who raised it. */
export function need(tile: Tile): number {
  if (tile.hand) return 3;
  if (tile.stuck && tile.online) return 2;
  if (tile.sandbox === "failed") return 1;
  return 0;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const byName = (one: Tile, other: Tile): number => collator.compare(one.name, other.name) || (one.id < other.id ? -1 : 1);

const COMPARE: Record<Order, (one: Tile, other: Tile) => number> = {
  name: byName,
  help: (one, other) => need(other) - need(one) || (one.hand?.since ?? 0) - (other.hand?.since ?? 0) || Number(other.online) - Number(one.online) || byName(one, other),
  active: (one, other) => Number(other.online) - Number(one.online) || (other.active ?? 0) - (one.active ?? 0) || byName(one, other),
  progress: (one, other) => one.share - other.share || byName(one, other),
};

const folded = (text: string): string => text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();

const SHOWS: Record<Only, (tile: Tile) => boolean> = {
  all: () => true,
  hands: (tile) => Boolean(tile.hand),
  stuck: (tile) => tile.stuck !== "",
  online: (tile) => tile.online,
};

/** The tiles that show, in their order. `text` is looked for in names and in what `words` says of a tile. */
export function arranged(tiles: Iterable<Tile>, order: Order, only: Only, text: string, words: (tile: Tile) => string): Tile[] {
  const wanted = folded(text.trim());
  const found = [...tiles].filter((tile) => SHOWS[only](tile) && (!wanted || folded(`${tile.name} ${words(tile)}`).includes(wanted)));
  return found.sort(COMPARE[order]);
}

export interface Counts {
  all: number;
  online: number;
  stuck: number;
  hands: number;
}

export function counted(tiles: Iterable<Tile>): Counts {
  const counts = { all: 0, online: 0, stuck: 0, hands: 0 };
  for (const tile of tiles) {
    counts.all++;
    if (tile.online) counts.online++;
    if (tile.stuck) counts.stuck++;
    if (tile.hand) counts.hands++;
  }
  return counts;
}

export interface Spot {
  lesson: string;
  step: string;
  learners: number;
}

/** How many learners who are online are at which place, the most first; who is at no lesson counts nowhere. */
export function spots(tiles: Iterable<Tile>): Spot[] {
  const found = new Map<string, Spot>();
  for (const { online, lesson, step } of tiles) {
    if (!online || !lesson) continue;
    const key = `${lesson} ${step}`;
    const spot = found.get(key) ?? { lesson, step, learners: 0 };
    spot.learners++;
    found.set(key, spot);
  }
  return [...found.values()].sort((one, other) => other.learners - one.learners || (one.lesson + one.step < other.lesson + other.step ? -1 : 1));
}

/** The tile that an arrow key leads to, of `count` in rows of `columns`; null for other keys. */
export function tileAfterKey(at: number, count: number, columns: number, key: string): number | null {
  const to: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: count - 1 };
  const next = to[key];
  if (next === undefined) return null;
  return next < 0 || next >= count ? at : next;
}
