/* Whether what the learner's terminals print is recorded for a class: asked, agreed to, taken back. A row of the class's bar.
   Knows the calls; what the learner said no to is remembered by this browser, so that it asks no more. */

import type { BarPart } from "./class-bar";
import { rooms } from "./classes-api";
import { button, h } from "./dom";
import type { RoomView } from "./room-channel";
import { wordsOf } from "./room-parts";
import { recall, remember } from "./store";

const declined = (id: string): string => `recording-${id}`;

/** What the row is about: "ask", "on", or null for no row. */
export function stateOf(view: Pick<RoomView, "id" | "recording">): "ask" | "on" | null {
  if (!view.recording?.asked) return null;
  if (view.recording.consented) return "on";
  return recall(declined(view.id), { no: false }).no ? null : "ask";
}

/** Agree, or take it back; the server tells the page what holds then. */
export async function answerRecording(id: string, yes: boolean): Promise<void> {
  remember(declined(id), { no: !yes });
  await (yes ? rooms.agree(id) : rooms.withdraw(id));
}

export const recordingPart: BarPart = {
  name: "recording",
  shows: (view) => {
    const state = stateOf(view);
    return state && [state, view.title];
  },
  row: (view) => {
    const said = h("span", { role: "status" });
    const act = (yes: boolean) => (): void => void answerRecording(view.id, yes).catch((error: unknown) => void (said.textContent = wordsOf(error)));
    if (stateOf(view) === "on") {
      const words = h("p", {}, h("span", { class: "lab-classbar__dot", "aria-hidden": "true" }), h("b", {}, "Your terminal is recorded"), " for ", h("bdi", {}, view.title), ": what it prints, your commands among it. ", said);
      return h("div", {}, words, button("Stop", act(false), { class: "lab-button", "aria-label": "Stop recording" }));
    }
    const words = h("p", {}, h("b", {}, h("bdi", {}, view.title), " asks to record your terminals: "), "what they print, your commands among it, for those who run the class. You can stop it and delete it at any time. ", said);
    const row = h("div", {}, words);
    const no = button("No", () => {
      remember(declined(view.id), { no: true });
      row.hidden = true;
    }, { class: "lab-button", "aria-label": "No recording" });
    row.append(button("Agree", act(true), { class: "lab-button lab-button--main", "aria-label": "Agree to the recording" }), no);
    return row;
  },
};
