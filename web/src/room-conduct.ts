/* Control of a class's room, for those who run it: what holds there now with what takes it back, and the tools. Knows the server's calls.
   Whoever shows the class hands in what holds each time it is known; of two who act at once both see what came of it. */

import { withLinks } from "./addresses";
import { type ClassOut, type Extended, type LessonPlaces, rooms } from "./classes-api";
import { askEnd, askMessage, askPlace, askPresent } from "./conduct-forms";
import { button, h } from "./dom";
import { clock, span } from "./ending";
import { Line } from "./room-parts";
import type { RoomState } from "./room-wire";

export class Conduct {
  private readonly line = new Line();
  private readonly holds = h("ul", { class: "lab-conduct__holds" });
  private readonly tools = h("div", { class: "lab-room__row", role: "toolbar", "aria-label": "Tools of the room" });
  private readonly hint = h("p", { class: "lab-room__hint", hidden: true }, "You can send a message and say where everybody is to be. Pausing, extending, resetting and ending is for the instructor.");
  readonly element = h(
    "section",
    { class: "lab-conduct", "aria-labelledby": "lab-conduct-title", hidden: true },
    h("h2", { id: "lab-conduct-title" }, "Everybody"),
    this.tools,
    this.hint,
    this.holds,
    this.line.element,
  );
  private readonly time = h("b", { class: "lab-ending__time" });
  private of: ClassOut | null = null;
  private now: RoomState | null = null;
  private ends: number | null = null; // of performance.now
  private saying = "";
  private places: Promise<LessonPlaces[]> | null = null;

  /** `changed`: the class itself may be another now. */
  constructor(private readonly changed: () => void) {
    setInterval(() => this.tick(), 1000);
  }

  show(of: ClassOut, now: RoomState): void {
    this.of = of;
    this.now = now;
    const left = now.closes_in ?? null;
    const ends = left === null ? null : performance.now() + left * 1000;
    if (ends === null || this.ends === null || Math.abs(ends - this.ends) > 1500) this.ends = ends;
    this.tick();
    const saying = JSON.stringify([of.state, of.role, now.message, now.here, now.paused, now.ending, now.present, left === null]);
    if (saying === this.saying) return; // what has the focus is left where it is
    this.saying = saying;
    const had = document.activeElement instanceof HTMLElement && this.element.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    this.element.hidden = of.state === "archived";
    const rows = this.rows(now);
    this.holds.replaceChildren(...rows);
    this.holds.hidden = rows.length === 0;
    this.tools.replaceChildren(...this.buttons(of, now));
    this.hint.hidden = this.mayAll;
    if (had) (this.element.querySelector<HTMLElement>(`[data-act="${had}"]`) ?? this.tools.querySelector("button"))?.focus();
  }

  private get mayAll(): boolean {
    return this.of?.role !== "assistant";
  }

  private get id(): string {
    return this.of?.id ?? "";
  }

  // --- what holds ---

  private rows(now: RoomState): HTMLElement[] {
    const rows: HTMLElement[] = [];
    const row = (name: string, words: (Node | string)[], ...acts: HTMLElement[]): void => void rows.push(h("li", { "data-holds": name }, h("p", {}, ...words), ...acts));
    const act = (name: string, label: string, press: () => void, kind = ""): HTMLElement => button(label, press, { class: `lab-button ${kind}`.trim(), "data-act": name });
    if (now.paused) {
      const go = act("go-on", "Go on", () => void this.act(() => rooms.pause(this.id, false), "The class goes on."), "lab-button--main");
      row("paused", [h("strong", {}, "Paused by ", h("bdi", {}, now.paused.by), "."), " Every sandbox stands still."], ...(this.mayAll ? [go] : []));
    }
    if (now.closes_in !== null && now.closes_in !== undefined) {
      const off = act("call-off", "Call it off", () => void this.act(() => rooms.callOff(this.id), "Called off: the class goes on."));
      if (now.ending) row("closing", [h("strong", {}, h("bdi", {}, now.ending.by), " ends the class"), " in ", this.time, ". Sandboxes end with it."], ...(this.mayAll ? [off] : []));
      else row("closing", ["The class closes in ", this.time, ". No sandbox ends with it."]);
    }
    if (now.present) {
      const { by, session } = now.present;
      const stop = act("present-stop", "Stop", () => void this.act(() => rooms.present(this.id, null), "Nobody is shown it any more."));
      row("present", [h("strong", {}, h("bdi", {}, by), " presents"), " their terminal ", h("code", {}, session), ", live on every learner’s page."], ...(this.mayAll ? [stop] : []));
    }
    if (now.here) {
      const { by, title, part, url } = now.here;
      row(
        "here",
        [h("strong", {}, h("bdi", {}, by), ":"), " everyone to ", h("a", { href: url }, h("cite", {}, title), part ? `, ${part}` : "")],
        act("unpoint", "Take it back", () => void this.act(() => rooms.point(this.id, null), "Taken back: nobody is sent anywhere.")),
      );
    }
    if (now.message) {
      const { by, text } = now.message;
      row(
        "message",
        [h("strong", {}, h("bdi", {}, by), ":"), " ", h("bdi", { class: "lab-classbar__text" }, ...withLinks(text))],
        act("unsay", "Take it back", () => void this.act(() => rooms.say(this.id, null), "Taken back: the message is off their pages.")),
      );
    }
    return rows;
  }

  private tick(): void {
    if (this.ends !== null) this.time.textContent = clock(Math.max(0, Math.ceil((this.ends - performance.now()) / 1000)));
  }

  // --- the tools ---

  private buttons(of: ClassOut, now: RoomState): HTMLElement[] {
    const tool = (name: string, label: string, press: () => void): HTMLElement => button(label, press, { class: "lab-button", "data-act": name });
    const made = [
      tool("message", "Message…", () => askMessage(this.now?.message?.text ?? "", (text) => this.must(() => rooms.say(this.id, text), "It is on their pages."))),
      tool("here", "Everyone here…", () => void this.point()),
    ];
    if (!this.mayAll) return made;
    if (of.state === "open" && !now.paused) made.push(tool("pause", "Pause all", () => void this.act(() => rooms.pause(this.id, true), "Paused: every sandbox stands still.")));
    if (of.state === "open") made.push(tool("present", "Present my terminal…", () => void this.present()));
    made.push(tool("extend", "Extend all", () => void this.extend()));
    if (of.state === "open") made.push(tool("end", "End the class…", () => askEnd((seconds) => this.must(() => rooms.end(this.id, seconds), seconds ? "Learners see the countdown." : "The class has ended."))));
    return made;
  }

  private async point(): Promise<void> {
    this.places ??= rooms.places();
    const all = await this.line.attempt(() => this.places as Promise<LessonPlaces[]>);
    if (!all) this.places = null;
    const chosen = new Set(this.of?.lessons ?? []);
    const now = this.now?.here ?? null;
    if (all) askPlace(all.filter((one) => !chosen.size || chosen.has(one.id)), now, (to) => this.must(() => rooms.point(this.id, to), "Learners are told, and have a link."));
  }

  private async present(): Promise<void> {
    const found = await this.line.attempt(() => rooms.presentable(this.id));
    if (!found) return;
    const show = (session: string): Promise<void> => this.must(() => rooms.present(this.id, session), "It is live on their pages. What you type where it shows, they see.");
    if (found.sessions.length > 1) askPresent(found.sessions, this.now?.present?.session ?? "", show);
    else await this.line.attempt(() => show(found.sessions[0] ?? "")); // where none is open, the server says what to do
  }

  private async extend(): Promise<void> {
    const done = await this.line.attempt(() => rooms.extend(this.id));
    if (done) this.line.say(extendedWords(done));
  }

  private async act(call: () => Promise<RoomState>, words: string): Promise<void> {
    await this.line.attempt(() => this.must(call, words));
  }

  /** Raises what the call raises. */
  private async must(call: () => Promise<RoomState>, words: string): Promise<void> {
    const now = await call();
    if (this.of) this.show({ ...this.of, state: now.state }, now);
    this.line.say(words);
    this.changed();
  }
}

/** What came of "extend all"; pure. */
export function extendedWords({ extended, sandboxes, seconds }: Extended): string {
  if (!sandboxes) return "Nobody has a sandbox now.";
  const all = sandboxes === 1 ? "The one sandbox" : extended === sandboxes ? `All ${sandboxes} sandboxes` : `${extended} of ${sandboxes} sandboxes`;
  if (!extended) return sandboxes === 1 ? "The one sandbox has no end that could come." : `None of the ${sandboxes} sandboxes has an end that could come.`;
  return `${all} may go on ${span(seconds)} longer.`;
}
