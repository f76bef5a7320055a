/* One class, for those who run it: how it is joined, the wall with who is in it, how far each is, what can be done with it.
   Follows the wall's channel, asks for what that doesn't carry when it tells of a change, and leaves what has the focus where it is. */

import { seatsWords, STATES, timesWords } from "./class-words";
import { type ClassOut, rooms, type State } from "./classes-api";
import { copyText } from "./clipboard";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import { After } from "./room-after";
import { Conduct } from "./room-conduct";
import { openClassForm } from "./room-form";
import { openInvitation } from "./room-invitation";
import { chipOf, headline, Line } from "./room-parts";
import { Roster } from "./room-roster";
import { Staff } from "./room-staff";
import { RoomTabs } from "./room-tabs";
import type { Wall } from "./room-wall";
import type { RoomState } from "./room-wire";

const SETTLE = 1000; // ms between two looks at what the class is
const AGAIN = 5000; // ms until it is looked at once more where nothing came of it

export class ClassPage {
  private readonly line = new Line();
  private readonly late = h("p", { class: "lab-room__late", hidden: true }, "The server doesn’t answer: what is shown may be old.");
  private readonly facts = h("div", { class: "lab-room__facts" });
  private readonly entry = h("section", { class: "lab-room__entry", "aria-label": "How learners join" });
  private readonly acts = h("div", { class: "lab-room__row lab-room__acts" });
  private readonly conduct = new Conduct(() => void this.refresh());
  private readonly roster: Roster;
  private readonly count = h("span", { class: "lab-room__count" });
  private readonly staff: Staff;
  private readonly wallPlace = h("div", {}, h("p", { class: "lab-room__hint" }, "The wall is being opened."));
  private readonly heatPlace = h("div");
  private readonly tabs: RoomTabs;
  private wall: Wall | null = null;
  private readonly after: After;
  private of!: ClassOut;
  private saying = "";
  private readings = -1; // of the class, by the server, as it was asked for last
  private asking: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly place: HTMLElement,
    private readonly id: string,
    private readonly signedOut: () => void,
  ) {
    this.after = new After(this.id, this.line);
    this.roster = new Roster(this.id, this.line, () => this.tabs.current === "progress");
    this.staff = new Staff(this.line, (changed) => this.is(changed), () => location.assign("/room/"));
    const panels = [
      { name: "wall", label: "Wall", content: [this.wallPlace] },
      { name: "tasks", label: "Tasks", content: [this.heatPlace] },
      { name: "progress", label: "Progress", content: [this.roster.element] },
    ];
    this.tabs = new RoomTabs("The class", panels, () => this.roster.soon());
  }

  /** Raises what the first look raises. */
  async open(): Promise<void> {
    const [of, roster, now] = await Promise.all([rooms.one(this.id), rooms.roster(this.id), rooms.room(this.id)]);
    this.place.replaceChildren(
      h("div", { class: "lab-room__top" }, h("a", { href: "/room/" }, "All classes"), this.facts, this.acts),
      this.line.element,
      this.entry,
      this.conduct.element,
      h("div", { class: "lab-room__head" }, h("h2", { id: "lab-roster-title" }, "Learners"), this.count),
      this.late,
      this.tabs.element,
      this.after.element,
      this.staff.element,
      this.roster.news,
    );
    this.is(of);
    this.conduct.show(of, now);
    this.roster.show(roster);
    this.tabs.show(of.state === "archived" ? "progress" : "wall");
    void this.openWall();
  }

  private async openWall(): Promise<void> {
    const [loaded, watching] = await Promise.all([import("./room-wall"), import("./room-watch")]).catch(() => [null, null]);
    if (!this.place.isConnected) return;
    if (!loaded || !watching) {
      this.wallPlace.replaceChildren(h("p", { class: "lab-room__late" }, "The wall could not be loaded. Reload the page."));
      return;
    }
    watching.addWatching();
    const wall = new loaded.Wall(this.id, {
      room: (now) => this.holds(now),
      learners: () => this.roster.soon(),
      heard: (on) => {
        this.late.hidden = on;
        this.readings = -1; // another server may count its own
      },
      over: () => this.leave(),
    });
    this.wall = wall;
    this.wallPlace.replaceChildren(wall.element);
    this.heatPlace.replaceChildren(wall.heat.element);
    wall.start();
  }

  /** Signed out, or the class is gone: whoever made this page finds out. */
  private leave(): void {
    this.wall?.stop();
    this.wall = null;
    if (this.place.contains(this.tabs.element)) this.signedOut();
  }

  /** What the channel says. The class itself it doesn't say: only that it may be another. */
  private holds(now: RoomState): void {
    if (!this.place.contains(this.tabs.element)) return this.wall?.stop(); // another page was opened meanwhile
    this.conduct.show(this.of, now);
    if (now.readings !== this.readings || now.state !== this.of.state) {
      this.readings = now.readings ?? -1;
      this.asking ??= setTimeout(() => void this.refresh(), SETTLE);
    }
  }

  private async refresh(): Promise<void> {
    this.asking = undefined;
    if (!this.place.contains(this.tabs.element)) return;
    const [of, now] = await Promise.all([rooms.one(this.id), rooms.room(this.id)]).catch(() => [null, null]); // the channel tells why
    if (!of || !now) {
      this.asking ??= setTimeout(() => void this.refresh(), AGAIN);
      return;
    }
    this.is(of);
    this.conduct.show(of, now);
    this.roster.soon();
  }

  // --- the class ---

  private is(of: ClassOut): void {
    const saying = JSON.stringify([of, timesWords(of, Date.now())]);
    if (saying === this.saying) return; // what has the focus is left where it is
    this.saying = saying;
    this.of = of;
    headline(of.title);
    const times = timesWords(of, Date.now());
    this.facts.replaceChildren(chipOf(of.state, STATES[of.state]), times ? h("span", {}, times) : "");
    this.count.textContent = seatsWords(of.learners, of.seats);
    const had = document.activeElement instanceof HTMLElement && this.place.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    this.showEntry(of);
    this.showActs(of);
    this.staff.show(of);
    this.after.show(this.mayChange);
    this.roster.mayChange = this.mayChange;
    if (had) this.place.querySelector<HTMLElement>(`[data-act="${had}"]`)?.focus();
  }

  private get mayChange(): boolean {
    return this.of.role !== "assistant";
  }

  private showEntry(of: ClassOut): void {
    if (of.state === "archived") {
      this.entry.replaceChildren(h("p", {}, "The class is over: nobody can join, and lessons no longer show it. Its learners find it under “My classes”, and can leave it there."));
      return;
    }
    const copy = button("Copy link", () => void copyText(of.link).then((done) => this.line.say(done ? "The link is copied." : "Not copied: select it instead.", !done)), { class: "lab-button", "data-act": "copy" });
    const show = button("Show to the class", () => openInvitation(of), { class: "lab-button lab-button--main", "data-act": "show" });
    // the wall is what counts once somebody is there; who comes late needs the code all the same
    const slim = of.learners > 0;
    this.entry.toggleAttribute("data-slim", slim);
    const local = !slim && ["127.0.0.1", "localhost", "[::1]"].includes(new URL(of.link).hostname);
    this.entry.replaceChildren(
      slim ? "" : h("img", { class: "lab-room__qr", src: rooms.picture(of), alt: `QR code of ${of.link}`, width: "144", height: "144" }),
      h(
        "div",
        {},
        h("p", { class: "lab-room__label" }, "Code"),
        h("p", { class: "lab-room__code" }, of.code),
        h("p", { class: "lab-room__link" }, h("a", { href: of.link }, of.link.replace(/^https?:\/\//, ""))),
        h("div", { class: "lab-room__row" }, show, copy),
        ...(local ? [h("p", { class: "lab-room__hint" }, "This address opens on this machine only. Open the room at the address that learners have, and the link is theirs.")] : []),
      ),
    );
  }

  private showActs(of: ClassOut): void {
    if (!this.mayChange) {
      this.acts.replaceChildren();
      return;
    }
    const act = (name: string, label: string, press: () => void, kind = ""): HTMLElement => button(label, press, { class: `lab-button ${kind}`.trim(), "data-act": name });
    const to = (state: State, words: string): void => void this.become(state, words);
    const made: HTMLElement[] = [];
    if (of.state === "open") made.push(act("toggle", "Close the class", () => to("closed", "Closed: nobody can join any more.")));
    else made.push(act("toggle", of.state === "archived" ? "Open again" : "Open now", () => to("open", "Open: learners can join."), "lab-button--main"));
    made.push(act("change", "Change…", () => void openClassForm(this.of, (changed) => this.is(changed))));
    if (of.state === "archived") made.push(act("delete", "Delete…", () => void this.remove(), "lab-room__danger"));
    else {
      made.push(act("code", "New code…", () => void this.newCode()));
      made.push(act("archive", "Archive…", () => void this.archive()));
    }
    this.acts.replaceChildren(...made);
  }

  private async become(state: State, words: string): Promise<void> {
    const changed = await this.changing(() => rooms.change(this.id, this.of.version, { state }));
    if (changed) this.line.say(words);
  }

  /** Do it; where somebody else was quicker, show what they made of it. */
  private async changing(act: () => Promise<ClassOut>): Promise<ClassOut | null> {
    const changed = await this.line.attempt(act);
    if (changed) this.is(changed);
    else {
      const now = await rooms.one(this.id).catch(() => null);
      if (now) this.is(now);
    }
    return changed;
  }

  private async newCode(): Promise<void> {
    if (!(await confirmDialog("Make a new code?", "The code, the link and the picture that you gave out lead nowhere then. Who is in stays in.", "Make a new code"))) return;
    if (await this.changing(() => rooms.newCode(this.id, this.of.version))) this.line.say("This is the new code.");
  }

  private async archive(): Promise<void> {
    if (!(await confirmDialog("Archive this class?", "Nobody can join, and its learners no longer have it on their pages. You keep the list of learners, and can open the class again.", "Archive"))) return;
    await this.become("archived", "Archived.");
  }

  private async remove(): Promise<void> {
    if (!(await confirmDialog(`Delete ${this.of.title}?`, "The class and its list of learners are gone for good. What learners did stays theirs.", "Delete", true))) return;
    if ((await this.line.attempt(async () => (await rooms.remove(this.id), true))) !== null) location.assign("/room/");
  }
}
