/* The class is about to close: a countdown, and what that means for the learner's sandbox. For eyes it ticks; read out it is once when it
   is told, and once more in its last minute. */

import type { BarPart } from "./class-bar";
import { h } from "./dom";
import { clock, span, URGENT } from "./ending";
import type { RoomView } from "./room-channel";
import { sayOnce } from "./say";

const SAME = 2000; // ms: what a way through the network adds is no other end

const ends = new Map<string, number>(); // class → when, of performance.now
const seen = new WeakSet<RoomView>();

/** When the class ends, of performance.now; the same for every view that means the same. */
function endOf(view: RoomView): number | null {
  const left = view.closes_in;
  if (left === null || left === undefined) {
    ends.delete(view.id);
    return null;
  }
  if (!seen.has(view)) {
    seen.add(view);
    const at = performance.now() + left * 1000;
    const before = ends.get(view.id);
    if (before === undefined || Math.abs(before - at) > SAME) ends.set(view.id, at);
  }
  return ends.get(view.id) ?? null;
}

export const closing: BarPart = {
  name: "closing",
  shows: (view) => {
    const at = endOf(view);
    return at === null ? null : [at, view.ending?.by];
  },
  row: (view) => {
    const at = endOf(view) ?? 0;
    const by = view.ending?.by;
    const time = h("b", { class: "lab-ending__time" });
    const what = by ? "Your sandbox ends with it: copy out what you need. Your progress is kept." : "Nobody can join any more then; what you have stays.";
    const row = h("div", { "aria-hidden": "true" }, h("p", {}, ...(by ? [h("strong", {}, h("bdi", {}, by)), " ends the class in "] : ["The class closes in "]), time, `. ${what}`));
    const said = (left: number): string => (by ? `${by} ends the class in ${span(left)}. ${what}` : `The class closes in ${span(left)}. ${what}`);
    const key = `${view.id} closing ${view.ending?.at ?? Math.round((Date.now() + at - performance.now()) / 60_000)}`;
    const tick = (): void => {
      const left = Math.max(0, Math.ceil((at - performance.now()) / 1000));
      time.textContent = clock(left);
      row.toggleAttribute("data-urgent", left <= URGENT);
      if (left > URGENT) sayOnce(key, said(left));
      else if (left > 0) sayOnce(`${key} soon`, said(left));
      if (left === 0 || (shown && !row.isConnected)) clearInterval(timer);
    };
    let shown = false;
    const timer = setInterval(() => {
      tick();
      shown ||= row.isConnected;
    }, 1000);
    tick();
    return row;
  },
};
