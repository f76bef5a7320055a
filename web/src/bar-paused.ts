/* The class is paused: everything in its learners' sandboxes stands still. */

import type { BarPart } from "./class-bar";
import { h } from "./dom";
import { sayOnce } from "./say";

const REST = "Your sandbox stands still with everything in it, and goes on as it was. Its time stands still, too.";

export const pausedRow: BarPart = {
  name: "paused",
  shows: (view) => view.paused ?? null,
  row: (view) => {
    const { by, at } = view.paused as NonNullable<typeof view.paused>;
    sayOnce(`${view.id} paused ${at}`, `Paused by ${by}. ${REST}`);
    return h("div", {}, h("span", { class: "lab-icon lab-icon--pause", "aria-hidden": "true" }), h("p", {}, h("strong", {}, "Paused by ", h("bdi", {}, by), "."), ` ${REST}`));
  },
};
