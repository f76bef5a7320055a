/* A recording, played in a dialog. Knows asciinema-player, which comes with it: loaded when the first one is opened. */

import { create, type Player } from "asciinema-player";
import { h, iconButton } from "./dom";
import { roomStyle } from "./room-parts";

/** `title` says whose and when; `cast` is the file's address. */
export async function play(title: string, cast: string): Promise<void> {
  roomStyle("player.css");
  const place = h("div", { class: "lab-player__place" });
  const said = h("p", { class: "lab-room__line", role: "status" }, "…");
  const dialog = h(
    "dialog",
    { class: "lab-dialog lab-player", "aria-labelledby": "lab-player-title" },
    h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-player-title" }, title), iconButton("close", "Close", () => dialog.close())),
    said,
    place,
  );
  let player: Player | null = null;
  dialog.addEventListener("close", () => {
    player?.dispose();
    dialog.remove();
  });
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close(), { capture: true }); // the player keeps it for itself
  document.body.append(dialog);
  dialog.showModal();
  const answer = await fetch(cast).catch(() => null);
  if (!answer?.ok) {
    said.textContent = answer?.status === 404 ? "This recording is no longer there: its learner may have deleted it, or its time was over." : "It could not be loaded. Close this and try again.";
    said.toggleAttribute("data-wrong", true);
    return;
  }
  const data = await answer.text();
  if (!dialog.isConnected) return; // closed meanwhile
  said.textContent = "Pauses are cut to two seconds. Space plays and stops, the arrow keys move.";
  player = create({ data }, place, { fit: "width", controls: true, idleTimeLimit: 2, preload: true, terminalFontFamily: '"DejaVu Sans Mono", monospace' });
  place.querySelector<HTMLElement>(".ap-wrapper")?.focus();
}
