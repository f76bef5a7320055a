/* A learner's tile on the wall: a miniature of their terminal, and the facts beside it as text. Knows a tile's fields and elements.
   What can be done with a tile, and what else is to be said of it, others add: TILE_ACTIONS, TILE_NOTES. */

import { ago } from "./class-words";
import { button, h } from "./dom";
import type { Tile } from "./room-wire";
import type { Miniature } from "./wall-miniature";
import { need } from "./wall-order";
import { emptyWords } from "./wall-words";

/** Something that can be done with a learner. `label`: what its button says of this one, or null where it can't be done now. */
export interface TileAction {
  name: string;
  main?: boolean; // what Enter or a click on the tile does; one of all has it
  label(tile: Tile): string | null;
  press(classId: string, tile: Tile): void;
}

/** In the order in which they stand. */
export const TILE_ACTIONS: TileAction[] = [];

/** Words that stand on a tile, such as who looks on; "" for none. */
export const TILE_NOTES: ((tile: Tile) => string)[] = [];

export class TileCard {
  readonly element = h("li", { class: "lab-tile" });
  readonly frame = h("div", { class: "lab-tile__frame" });
  tile!: Tile;
  miniature!: Miniature;
  private readonly empty = h("p", { class: "lab-tile__empty" });
  private readonly title = h("div", { class: "lab-tile__title" });
  private readonly place = h("p", { class: "lab-tile__place" });
  private readonly facts = h("p", { class: "lab-tile__facts" });
  private readonly call = h("p", { class: "lab-tile__call" });
  private readonly note = h("p", { class: "lab-tile__note" });
  private readonly acts = h("div", { class: "lab-tile__acts" });
  private said = "";

  constructor(private readonly classId: string) {}

  /** Once, with its miniature. */
  begin(miniature: Miniature): void {
    this.miniature = miniature;
    this.frame.append(this.empty, miniature.canvas);
    this.element.append(this.frame, this.title, this.call, this.place, this.facts, this.note, this.acts);
  }

  show(tile: Tile, [lesson, place]: readonly [string, string], now: number): void {
    this.tile = tile;
    const active = tile.online || tile.active !== null ? ago(tile.active, now) : "not yet here";
    const notes = TILE_NOTES.map((note) => note(tile)).filter(Boolean).join(" · ");
    const acts = TILE_ACTIONS.map((action) => action.label(tile));
    const said = JSON.stringify([tile, lesson, place, active, notes, acts]);
    if (said === this.said) return; // what has the focus is left where it is
    this.said = said;
    if (!tile.sessions.length) this.miniature.clear();
    const { element } = this;
    element.dataset.learner = tile.id;
    element.dataset.need = String(need(tile));
    element.toggleAttribute("data-online", tile.online);
    this.empty.textContent = emptyWords(tile);
    this.name(tile);
    this.call.textContent = callWords(tile);
    this.place.replaceChildren(...(lesson ? [h("b", {}, lesson), place ? ` · ${place}` : ""] : [tile.online ? "At no lesson of the class" : "Away"]));
    this.facts.textContent = [tile.tasks[1] ? `Tasks ${tile.tasks[0]}/${tile.tasks[1]}` : "", `${tile.share} % done`, active].filter(Boolean).join(" · ");
    this.note.textContent = notes;
    this.actions(tile);
  }

  /** What has the focus where the tile has it; null where nothing can be done with a tile. */
  get focusable(): HTMLButtonElement | null {
    return this.title.querySelector("button");
  }

  private name(tile: Tile): void {
    const main = TILE_ACTIONS.find((action) => action.main && action.label(tile) !== null);
    const dot = h("span", { class: "lab-tile__dot", "aria-hidden": "true" });
    const online = h("span", { class: "lab-sr" }, tile.online ? "online" : "offline");
    const name = h("bdi", {}, tile.name);
    const there = this.focusable;
    if (there && main) {
      there.replaceChildren(name);
      there.title = main.label(tile) ?? "";
      this.title.replaceChildren(dot, there, online);
      return;
    }
    const open = main ? button("", () => main.press(this.classId, this.tile), { class: "lab-tile__open", tabindex: "-1", title: main.label(tile) ?? "" }) : h("span", { class: "lab-tile__name" });
    open.append(name);
    this.title.replaceChildren(dot, open, online);
  }

  private actions(tile: Tile): void {
    const had = this.acts.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.act : undefined;
    const made: HTMLElement[] = [];
    for (const action of TILE_ACTIONS) {
      const label = action.main ? null : action.label(tile);
      if (label === null) continue;
      made.push(button(label, () => action.press(this.classId, this.tile), { class: "lab-button", "data-act": action.name, "aria-label": `${label}: ${tile.name}` }));
    }
    this.acts.replaceChildren(...made);
    if (had) this.acts.querySelector<HTMLElement>(`[data-act="${had}"]`)?.focus();
  }
}

/** Why somebody should look: a question, or what only looks like one. */
function callWords({ hand, stuck, online }: Tile): string {
  if (hand) return hand.question ? `Hand raised: ${hand.question}` : "Hand raised";
  return stuck && online ? `Maybe stuck: ${stuck}` : "";
}
