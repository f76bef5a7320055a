/* The bar between page and dock: dragged with a pointer, moved with the keys. Knows layout.ts and events. */

import { h } from "./dom";
import { LARGEST, type Layout, resized, resizedByKey, type Side, SMALLEST } from "./layout";

/** The separator; `current` tells the layout and side shown, `change` takes a new one. */
export function separator(current: () => { layout: Layout; side: Side }, change: (layout: Layout) => void): HTMLElement {
  const bar = h("div", {
    class: "lab-grip",
    role: "separator",
    tabindex: "0",
    "aria-label": "Size of the terminal",
    "aria-controls": "lab-dock-body",
    "aria-valuemin": String(SMALLEST),
    "aria-valuemax": String(LARGEST),
  });
  let frame = 0;
  bar.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    bar.setPointerCapture(event.pointerId);
    bar.focus();
  });
  bar.addEventListener("pointermove", (event) => {
    if (!bar.hasPointerCapture(event.pointerId)) return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      const { layout, side } = current();
      const part = side === "right" ? 1 - event.clientX / innerWidth : 1 - event.clientY / innerHeight;
      change(resized(layout, side, part * 100));
    });
  });
  bar.addEventListener("keydown", (event) => {
    const { layout, side } = current();
    const next = resizedByKey(layout, side, event.key);
    if (!next) return;
    event.preventDefault();
    change(next);
  });
  return bar;
}

/** Say where the bar is. A bar between left and right is a vertical one. */
export function describeSeparator(bar: HTMLElement, layout: Layout, side: Side): void {
  bar.setAttribute("aria-orientation", side === "right" ? "vertical" : "horizontal");
  bar.setAttribute("aria-valuenow", String(Math.round(layout[side])));
  bar.setAttribute("aria-valuetext", `${Math.round(layout[side])} percent of the window`);
}
