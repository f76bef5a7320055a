/* Where the dock is and how large: pure decisions. Knows percents and keys; doesn't know the DOM. */

export type Side = "bottom" | "right";

export interface Layout {
  side: Side; // what the learner chose; only a wide window can dock right
  split: boolean; // terminals side by side
  bottom: number; // percent of the window's height
  right: number; // percent of the window's width
  reader: boolean; // screen-reader mode
}

export const DEFAULT_LAYOUT: Layout = { side: "bottom", split: false, bottom: 42, right: 42, reader: false };
export const SMALLEST = 20; // percent
export const LARGEST = 85;
const STEP = 4;

const size = (value: unknown, fallback: number): number =>
  typeof value === "number" && Number.isFinite(value) ? Math.min(LARGEST, Math.max(SMALLEST, value)) : fallback;

/** A layout from whatever was stored. */
export function readLayout(stored: Partial<Record<keyof Layout, unknown>>): Layout {
  return {
    side: stored.side === "right" ? "right" : "bottom",
    split: stored.split === true,
    bottom: size(stored.bottom, DEFAULT_LAYOUT.bottom),
    right: size(stored.right, DEFAULT_LAYOUT.right),
    reader: stored.reader === true,
  };
}

export const sideShown = (layout: Layout, wide: boolean): Side => (wide ? layout.side : "bottom");

/** The layout with the size of `side` set to `percent`, within bounds. */
export const resized = (layout: Layout, side: Side, percent: number): Layout => ({
  ...layout,
  [side]: size(percent, layout[side]),
});

/** The layout after a key on the separator, or null where the key means nothing there. */
export function resizedByKey(layout: Layout, side: Side, key: string): Layout | null {
  const grow = side === "bottom" ? "ArrowUp" : "ArrowLeft";
  const shrink = side === "bottom" ? "ArrowDown" : "ArrowRight";
  if (key === grow) return resized(layout, side, layout[side] + STEP);
  if (key === shrink) return resized(layout, side, layout[side] - STEP);
  if (key === "Home") return resized(layout, side, SMALLEST);
  if (key === "End") return resized(layout, side, LARGEST);
  return null;
}

/** Which of `count` tabs has the focus after `key` on tab `at`; null where the key moves nothing. */
export function tabAfterKey(at: number, count: number, key: string): number | null {
  if (count === 0) return null;
  if (key === "ArrowRight") return (at + 1) % count;
  if (key === "ArrowLeft") return (at + count - 1) % count;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return null;
}
