/* Asks before something that can't be undone, or that leaves the course. Knows the <dialog> element. */

import { button, h } from "./dom";

let count = 0;

/** True when the learner chose `action`; Esc and the other button give false. */
export function confirmDialog(title: string, text: string, action: string, danger = false): Promise<boolean> {
  const id = `lab-dialog-${++count}`;
  const yes = button(action, () => dialog.close("yes"), { class: danger ? "lab-button lab-button--danger" : "lab-button lab-button--main" });
  const no = button("Cancel", () => dialog.close("no"), { class: "lab-button", autofocus: true });
  const dialog = h(
    "dialog",
    { class: "lab-dialog", "aria-labelledby": `${id}-title`, "aria-describedby": `${id}-text` },
    h("h2", { id: `${id}-title` }, title),
    h("p", { id: `${id}-text` }, text),
    h("div", { class: "lab-dialog__buttons" }, no, yes),
  );
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    dialog.showModal();
  });
}
