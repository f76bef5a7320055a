/* What a learner's page shows of the rooms of their classes: a bar under the header, a row for each thing that holds now.
   Knows the channel, and its parts by name. Each part makes its own row, anew only when what it shows has changed. */

import { recordingPart } from "./bar-recording";
import { closing } from "./bar-closing";
import { hand, typing, watched } from "./bar-help";
import { here, markHere } from "./bar-here";
import { message } from "./bar-message";
import { pausedRow } from "./bar-paused";
import { GONE, presented } from "./bar-present";
import { reset } from "./bar-reset";
import { h } from "./dom";
import type { RoomChannel, RoomView } from "./room-channel";
import { roomStyle } from "./room-parts";
import { readyToSay } from "./say";

/** A row of the bar. `shows`: what it depends on, or null for no row; `row` makes it. */
export interface BarPart {
  name: string;
  shows(view: RoomView): unknown;
  row(view: RoomView, channel: RoomChannel): HTMLElement;
}

/** In the order in which they stand. */
const PARTS: BarPart[] = [pausedRow, closing, typing, watched, presented, here, message, reset, recordingPart, hand];

export class ClassBar {
  private readonly element = h("section", { class: "lab-classbar", "aria-label": "Your class", hidden: true });
  private readonly rows = new Map<string, { said: string; row: HTMLElement }>();

  constructor(private readonly channel: RoomChannel) {
    roomStyle();
    readyToSay();
    channel.subscribe(() => this.show());
    document.querySelector(".md-header")?.after(this.element);
    this.show();
  }

  /** Another page is open. */
  wake(): void {
    markHere(this.channel.views);
  }

  private show(): void {
    const wanted = new Map<string, HTMLElement>();
    for (const view of this.channel.views) {
      for (const part of PARTS) {
        const shows = part.shows(view);
        if (shows === null || shows === undefined) continue;
        const key = `${view.id} ${part.name}`;
        const said = JSON.stringify(shows);
        const there = this.rows.get(key);
        const row = there?.said === said ? there.row : part.row(view, this.channel);
        if (row !== there?.row) there?.row.dispatchEvent(new Event(GONE));
        row.classList.add("lab-classbar__row");
        row.dataset.part = part.name;
        this.rows.set(key, { said, row });
        wanted.set(key, row);
      }
    }
    for (const [key, { row }] of [...this.rows]) {
      if (wanted.has(key)) continue;
      this.rows.delete(key);
      row.dispatchEvent(new Event(GONE));
    }
    const rows = [...wanted.values()];
    if (rows.length !== this.element.children.length || rows.some((row, n) => this.element.children[n] !== row)) this.element.replaceChildren(...rows);
    this.element.hidden = rows.length === 0;
    markHere(this.channel.views);
  }
}
