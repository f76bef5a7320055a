/* Helping one learner: their terminal as it is, what they ask, and typing together once they allow it. A dialog of the room.
   Knows the calls of help. The learner's own page says who looks for as long as this is open. */

import { rooms, type LearnerNow } from "./classes-api";
import { button, h, iconButton } from "./dom";
import { Line, wordsOf } from "./room-parts";
import { type TileAction, TILE_ACTIONS, TILE_NOTES } from "./wall-tile";
import { WatchTerminal } from "./watch-terminal";

const AGAIN = 1000; // ms between two looks at what holds

/** What a tile says of those who look. */
export const watchNote = ({ watchers, typing }: { watchers?: string[] | undefined; typing?: { by: string; state: string } | null | undefined }): string =>
  typing?.state === "granted" ? `${typing.by} types here` : watchers?.length ? `watched by ${watchers.join(" and ")}` : "";

export const watchAction: TileAction = {
  name: "watch",
  main: true,
  label: () => "Look at their terminal",
  press: (classId, tile) => openWatch(classId, tile),
};

export function addWatching(): void {
  if (TILE_ACTIONS.includes(watchAction)) return;
  TILE_ACTIONS.unshift(watchAction);
  TILE_NOTES.push(watchNote);
}

export function openWatch(classId: string, learner: { id: string; name: string }): void {
  new Watch(classId, learner).element.showModal();
}

class Watch {
  private readonly line = new Line();
  private readonly facts = h("p", { class: "lab-watch__facts" });
  private readonly hand = h("p", { class: "lab-watch__hand", hidden: true });
  private readonly tabs = h("div", { class: "lab-room__row", role: "group", "aria-label": "Their terminals" });
  private readonly screen = h("div", { class: "lab-watch__screen" });
  private readonly empty = h("p", { class: "lab-room__hint" }, "No terminal of theirs is open.");
  private readonly state = h("span", { role: "status" });
  private readonly act = button("Ask to type", () => void this.press(), { class: "lab-button", hidden: true });
  readonly element: HTMLDialogElement;
  private terminal: WatchTerminal | null = null;
  private session = "";
  private now: LearnerNow | null = null;
  private said = "";

  constructor(
    private readonly classId: string,
    private readonly learner: { id: string; name: string },
  ) {
    const close = iconButton("close", "Close", () => this.element.close());
    this.element = h(
      "dialog",
      { class: "lab-dialog lab-room__dialog lab-watch", "aria-labelledby": "lab-watch-title" },
      h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-watch-title" }, h("bdi", {}, learner.name)), close),
      this.facts,
      this.hand,
      this.tabs,
      this.screen,
      this.empty,
      h("div", { class: "lab-room__row" }, this.act, this.state),
      this.line.element,
    );
    this.element.addEventListener("close", () => {
      this.terminal?.close();
      this.terminal = null;
      this.element.remove();
    });
    document.body.append(this.element);
    void this.look();
  }

  private async look(): Promise<void> {
    try {
      this.show(await rooms.learner(this.classId, this.learner.id));
    } catch (error) {
      this.line.say(wordsOf(error), true);
    }
    if (this.element.isConnected) setTimeout(() => void this.look(), AGAIN);
  }

  private show(now: LearnerNow): void {
    this.now = now;
    if (this.terminal) this.terminal.may = now.typing?.state === "granted" && now.typing.mine;
    const said = JSON.stringify(now);
    if (said === this.said || !this.element.isConnected) return; // what has the focus is left where it is
    this.said = said;
    this.facts.replaceChildren(now.online ? "Online" : "Away", ...(now.place ? [" at ", h("a", { href: now.place.url }, now.place.title), now.place.step ? `, ${now.place.step}` : ""] : []));
    this.hand.hidden = !now.hand;
    if (now.hand) {
      const helped = button("Helped: lower it", () => void this.line.attempt(() => rooms.helped(this.classId, this.learner.id)), { class: "lab-button" });
      this.hand.replaceChildren(h("b", {}, "Hand raised"), now.hand.question ? ": " : "", h("bdi", {}, now.hand.question), " ", helped);
    }
    const had = this.tabs.contains(document.activeElement);
    const wanted = now.sessions.includes(this.session) ? this.session : (now.sessions[0] ?? "");
    this.tabs.replaceChildren(
      ...now.sessions.map((name) => button(name, () => this.watch(name), { class: "lab-button", "aria-pressed": String(name === wanted) })),
    );
    this.tabs.hidden = now.sessions.length < 2;
    if (had) this.tabs.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    this.empty.hidden = now.sessions.length > 0;
    if (wanted !== this.session) this.watch(wanted);
    this.typing();
  }

  /** Who types, and what can be done about it. */
  private typing(): void {
    const typing = this.now?.typing ?? null;
    this.act.hidden = !this.terminal || (typing !== null && !typing.mine);
    this.act.textContent = typing === null ? "Ask to type" : typing.state === "asked" ? "Ask no more" : "Stop typing";
    this.state.textContent =
      typing === null
        ? "You only look; the learner’s page says so."
        : typing.state === "asked"
          ? `${typing.mine ? "You ask" : `${typing.by} asks`}: the learner hasn’t answered yet.`
          : typing.mine
            ? "You can type here now, together with the learner."
            : `${typing.by} types here.`;
  }

  private async press(): Promise<void> {
    const { typing } = this.now ?? {};
    await this.line.attempt(() => (typing ? rooms.stopTypingFor(this.classId, this.learner.id) : rooms.askToType(this.classId, this.learner.id)));
    const now = await rooms.learner(this.classId, this.learner.id).catch(() => null);
    if (now) this.show(now);
    if (this.terminal?.may) this.terminal.focus();
  }

  private watch(session: string): void {
    this.terminal?.close();
    this.terminal = null;
    this.session = session;
    this.screen.replaceChildren();
    if (!session) return;
    const path = `/api/classes/${encodeURIComponent(this.classId)}/learners/${encodeURIComponent(this.learner.id)}/terminals/${encodeURIComponent(session)}`;
    const terminal = new WatchTerminal(`${this.learner.name}, ${session}`, path, {
      state: (state) => {
        if (state.name === "closed") this.line.say(state.reason || "The terminal can’t be looked at any more.", true);
        else if (state.name === "open") this.line.say("");
      },
      exit: (reason) => this.line.say(reason),
      leave: () => this.act.focus(),
    });
    this.terminal = terminal;
    const place = h("div", { class: "lab-watch__xterm" });
    this.screen.append(place);
    void terminal.open(place).then(() => this.typing());
  }
}
