/* A message to the whole class, in its learners' bar: read out once, and gone from this learner's pages when they dismiss it. */

import { withLinks } from "./addresses";
import type { BarPart } from "./class-bar";
import { dismissButton, isDismissed } from "./dismissed";
import { h } from "./dom";
import { sayOnce } from "./say";

export const message: BarPart = {
  name: "message",
  shows: (view) => (view.message && !isDismissed(`${view.id} message`, view.message.at) ? view.message : null),
  row: (view, channel) => {
    const { text, by, at } = view.message as NonNullable<typeof view.message>;
    sayOnce(`${view.id} message ${at}`, `${by} says: ${text}`);
    return h(
      "div",
      {},
      h("p", {}, h("strong", {}, h("bdi", {}, by), ":"), " ", h("bdi", { class: "lab-classbar__text" }, ...withLinks(text))),
      dismissButton("Dismiss the message", `${view.id} message`, at, channel),
    );
  },
};
