/* A terminal that who runs the class presents, live in the bar of its learners. Nothing can be typed there. Knows the view of the room and
   where the terminal is to be had; the screen itself is loaded when there is one to be shown. */

import { backoff } from "./backoff";
import type { BarPart } from "./class-bar";
import { button, h } from "./dom";
import { later } from "./later";
import { recall, remember } from "./store";
import { sayOnce } from "./say";
import type { WatchTerminal } from "./watch-terminal";

const PATIENCE = 3; // a terminal that isn't open is asked for as often as a server that is away, times this

class Presented {
  private readonly place = h("div", { class: "lab-present__screen", hidden: true });
  private readonly state = h("span", { role: "status" });
  private readonly toggle = button("", () => this.turn(!this.hidden), { class: "lab-button" });
  readonly row: HTMLElement;
  private terminal: WatchTerminal | null = null;
  private cancel: (() => void) | null = null;
  private tries = 0;
  private over = false;

  constructor(
    private readonly id: string,
    private readonly by: string,
    private readonly session: string,
    private readonly at: number,
  ) {
    const words = h("p", {}, h("span", { class: "lab-classbar__dot", "aria-hidden": "true" }), h("b", {}, h("bdi", {}, by)), " shows you a terminal. ", this.state);
    this.row = h("div", {}, words, this.toggle, this.place);
    this.row.addEventListener(GONE, () => this.end());
    sayOnce(`${id} present ${at}`, `${by} shows you a terminal.`);
    this.turn(this.hidden);
  }

  /** Whether this learner has put it away, on any page of this window. */
  private get hidden(): boolean {
    return recall<Record<string, number>>("present-hidden", {}, "session")[this.id] === this.at;
  }

  private turn(hidden: boolean): void {
    remember("present-hidden", hidden ? { [this.id]: this.at } : {}, "session");
    this.toggle.textContent = hidden ? "Show it" : "Hide it";
    this.toggle.setAttribute("aria-expanded", String(!hidden));
    if (hidden) this.close();
    else void this.open();
  }

  private async open(): Promise<void> {
    this.close();
    const module = await import("./watch-terminal").catch(() => null);
    if (this.over || this.hidden || this.terminal) return;
    if (!module) return this.retry("It could not be loaded.");
    const terminal = new module.WatchTerminal(`${this.by} presents ${this.session}`, `/api/memberships/${encodeURIComponent(this.id)}/present`, {
      state: (state) => {
        if (terminal !== this.terminal) return;
        if (state.name === "open") {
          this.tries = 0;
          this.state.textContent = "";
        } else if (state.name === "closed") this.retry(state.reason);
      },
      exit: () => terminal === this.terminal && this.retry("Its shell has ended; the next one is shown."),
      leave: () => this.toggle.focus(),
    });
    this.terminal = terminal;
    this.place.hidden = false;
    const screen = h("div", { class: "lab-watch__xterm" });
    this.place.replaceChildren(screen);
    await terminal.open(screen);
  }

  private retry(why: string): void {
    this.close();
    this.state.textContent = why;
    this.cancel = later(PATIENCE * backoff(this.tries++, Math.random()), () => void this.open());
  }

  private close(): void {
    this.cancel?.();
    this.cancel = null;
    this.terminal?.close();
    this.terminal = null;
    this.place.hidden = true;
    this.place.replaceChildren();
    this.state.textContent = "";
  }

  private end(): void {
    this.over = true;
    this.close();
  }
}

/** Told to a row that is taken off the bar. */
export const GONE = "lab-gone";

export const presented: BarPart = {
  name: "present",
  shows: (view) => view.present ?? null,
  row: (view) => {
    const { by, session, at } = view.present as NonNullable<typeof view.present>;
    return new Presented(view.id, by, session, at).row;
  },
};
