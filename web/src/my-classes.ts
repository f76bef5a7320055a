/* The classes that the learner is in: what is seen of them there, and leaving. Loaded when its chip is first pressed. */

import { rooms } from "./classes-api";
import { day } from "./codes";
import { confirmDialog } from "./dialog";
import { button, h, iconButton } from "./dom";
import { chipOf, Line, privacy, roomStyle } from "./room-parts";
import { STATES } from "./class-words";

/** `changed` is called when the learner has left one. */
export function openClasses(changed: () => void): void {
  roomStyle();
  const line = new Line();
  const body = h("div", {}, h("p", {}, "…"));
  const close = iconButton("close", "Close", () => dialog.close());
  const dialog = h(
    "dialog",
    { class: "lab-dialog lab-mine lab-classes", "aria-labelledby": "lab-classes-title" },
    h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-classes-title" }, "My class"), close),
    body,
    line.element,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();

  const show = async (): Promise<void> => {
    const told = await line.attempt(() => rooms.memberships());
    if (!told) return;
    const sections = told.classes.map((of) => {
      const leave = button("Leave this class…", () => void go(of.id, of.title), { class: "lab-button lab-mine__delete" });
      return h(
        "section",
        {},
        h("h3", {}, of.title, " ", chipOf(of.state, STATES[of.state])),
        h("p", {}, "You are in as ", h("b", {}, of.name), `, since ${day(of.joined)}.`),
        h("div", { class: "lab-mine__row" }, leave),
      );
    });
    if (sections.length) body.replaceChildren(...sections, h("section", {}, privacy(told)));
    else body.replaceChildren(h("p", {}, "You are in no class."));
  };
  const go = async (id: string, title: string): Promise<void> => {
    if (!(await confirmDialog(`Leave ${title}?`, "What you did stays yours, and nobody in the class sees it any more. With the code you can join again.", "Leave", true))) return;
    if ((await line.attempt(async () => (await rooms.leave(id), true))) === null) return;
    await show();
    line.say("You have left the class.");
    close.focus();
    changed();
  };
  void show();
}
