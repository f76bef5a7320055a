/* An instructor reset this learner's sandbox: who, when, and what became of what was in it. */

import type { BarPart } from "./class-bar";
import { dismissButton, isDismissed } from "./dismissed";
import { h } from "./dom";
import { sayOnce } from "./say";

export const reset: BarPart = {
  name: "reset",
  shows: (view) => (view.reset && !isDismissed(`${view.id} reset`, view.reset.at) ? view.reset : null),
  row: (view, channel) => {
    const { by, at } = view.reset as NonNullable<typeof view.reset>;
    const when = new Date(at * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const rest = `reset your sandbox at ${when}. You have a new one; files and programs of the old one are gone. Your progress is kept.`;
    sayOnce(`${view.id} reset ${at}`, `${by} ${rest}`);
    return h("div", {}, h("p", {}, h("strong", {}, h("bdi", {}, by)), ` ${rest}`), dismissButton("Dismiss this", `${view.id} reset`, at, channel));
  },
};
