/* How a class is joined, big enough for the last row: to be projected. */

import { type ClassOut, rooms } from "./classes-api";
import { h, iconButton } from "./dom";

export function openInvitation(of: ClassOut): void {
  const link = of.link.replace(/^https?:\/\//, "");
  const dialog = h(
    "dialog",
    { class: "lab-invitation", "aria-labelledby": "lab-invitation-title" },
    iconButton("close", "Close", () => dialog.close()),
    h("h2", { id: "lab-invitation-title" }, of.title),
    h("img", { src: rooms.picture(of), alt: `QR code of ${of.link}` }),
    h("p", { class: "lab-invitation__link" }, link.slice(0, link.lastIndexOf("/") + 1)),
    h("p", { class: "lab-invitation__code" }, of.code),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
