/* Help, in the bar of who learns: a hand to raise, who looks at a terminal, who wants to type there. Three rows; the server tells each page
   what holds. */

import type { BarPart } from "./class-bar";
import { rooms } from "./classes-api";
import { button, h } from "./dom";
import { wordsOf } from "./room-parts";
import { sayOnce } from "./say";

const LONGEST = 280; // characters of a question

/** A button of a row, whose failure is said beside it. */
function act(label: string, call: () => Promise<unknown>, said: HTMLElement, main = false): HTMLButtonElement {
  const made = button(label, () => {
    made.disabled = true;
    said.textContent = "";
    call()
      .catch((error: unknown) => void (said.textContent = wordsOf(error)))
      .finally(() => void (made.disabled = false));
  }, { class: main ? "lab-button lab-button--main" : "lab-button" });
  return made;
}

/** How many are helped first, in words. */
export const before = (count: number): string => (count === 0 ? "you are next" : count === 1 ? "one hand was up before yours" : `${count} hands were up before yours`);

export const hand: BarPart = {
  name: "hand",
  shows: (view) => (view.state === "open" || view.hand ? [view.hand ?? null, view.title] : null),
  row: (view) => {
    const said = h("span", { role: "status" });
    if (view.hand) {
      const question = view.hand.question ? [": ", h("bdi", {}, view.hand.question)] : [];
      const words = h("p", {}, h("b", {}, "Your hand is up"), ...question, ` (${before(view.hand.before ?? 0)}). `, said);
      return h("div", {}, words, act("Lower it", () => rooms.lowerHand(view.id), said));
    }
    const question = h("input", { type: "text", maxlength: String(LONGEST), class: "lab-room__input lab-classbar__question", "aria-label": "Your question, if you like", placeholder: "Your question, if you like" });
    const raise = act("Raise your hand", () => rooms.raiseHand(view.id, question.value), said);
    question.addEventListener("keydown", (event) => event.key === "Enter" && raise.click());
    return h("div", {}, h("p", {}, "Class ", h("bdi", {}, view.title), ". ", said), question, raise);
  },
};

export const watched: BarPart = {
  name: "watched",
  shows: (view) => (view.watchers?.length && view.typing?.state !== "granted" ? view.watchers : null),
  row: (view) => {
    const names = (view.watchers ?? []).join(" and ");
    const words = `${(view.watchers ?? []).length > 1 ? "are" : "is"} looking at your terminal.`;
    sayOnce(`${view.id} watched ${names} ${Math.round(Date.now() / 60_000)}`, `${names} ${words}`);
    return h("div", {}, h("p", {}, h("span", { class: "lab-classbar__dot", "aria-hidden": "true" }), h("b", {}, h("bdi", {}, names)), ` ${words}`));
  },
};

export const typing: BarPart = {
  name: "typing",
  shows: (view) => view.typing ?? null,
  row: (view) => {
    const { by, state } = view.typing as NonNullable<typeof view.typing>;
    const said = h("span", { role: "status" });
    const stop = (label: string): HTMLButtonElement => act(label, () => rooms.stopTyping(view.id), said);
    if (state === "granted") {
      sayOnce(`${view.id} types ${by} ${Math.round(Date.now() / 60_000)}`, `${by} can type in your terminal now.`);
      return h("div", {}, h("p", {}, h("span", { class: "lab-classbar__dot", "aria-hidden": "true" }), h("b", {}, h("bdi", {}, by)), " can look at your terminal and type in it. ", said), stop("Stop"));
    }
    sayOnce(`${view.id} asks ${by} ${Math.round(Date.now() / 60_000)}`, `${by} would like to type in your terminal.`);
    return h(
      "div",
      {},
      h("p", {}, h("b", {}, h("bdi", {}, by)), " would like to type in your terminal. You can stop it at any time. ", said),
      act("Allow", () => rooms.answerTyping(view.id, true, by), said, true),
      act("No", () => rooms.answerTyping(view.id, false, by), said),
    );
  },
};
