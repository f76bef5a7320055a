/* One class, for those who run it: how it is joined, the wall with who is in it, how far each is, what can be done with it.
   Asks again every few seconds while it is looked at, and leaves what has the focus where it is. */

import { ApiError } from "./api";
import { ago, arrived, cell, seatsWords, STATES, timesWords } from "./class-words";
import { type ClassOut, type Learner, rooms, type Roster, type State } from "./classes-api";
import { copyText } from "./clipboard";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import { After } from "./room-after";
import { Conduct } from "./room-conduct";
import { openClassForm } from "./room-form";
import { openInvitation } from "./room-invitation";
import { chipOf, headline, Line } from "./room-parts";
import { Staff } from "./room-staff";
import { RoomTabs } from "./room-tabs";
import type { Wall } from "./room-wall";

const AGAIN = 5000; // ms

export class ClassPage {
  private readonly line = new Line();
  private readonly news = h("p", { class: "lab-sr", role: "status" });
  private readonly late = h("p", { class: "lab-room__late", hidden: true }, "The server doesn’t answer: what is shown may be old.");
  private readonly facts = h("div", { class: "lab-room__facts" });
  private readonly entry = h("section", { class: "lab-room__entry", "aria-label": "How learners join" });
  private readonly acts = h("div", { class: "lab-room__row lab-room__acts" });
  private readonly conduct = new Conduct(() => void this.refresh().catch(() => {}));
  private readonly table = h("div", { class: "lab-room__scroll", role: "region", tabindex: "0", "aria-labelledby": "lab-roster-title" });
  private readonly count = h("span", { class: "lab-room__count" });
  private readonly staff: Staff;
  private readonly wallPlace = h("div", {}, h("p", { class: "lab-room__hint" }, "The wall is being opened."));
  private readonly heatPlace = h("div");
  private readonly tabs: RoomTabs;
  private wall: Wall | null = null;
  private readonly after: After;
  private of!: ClassOut;
  private roster: Roster = { lessons: [], learners: [] };
  private saying = "";

  constructor(
    private readonly place: HTMLElement,
    private readonly id: string,
    private readonly signedOut: () => void,
  ) {
    this.after = new After(this.id, this.line);
    this.staff = new Staff(this.line, (changed) => this.is(changed), () => location.assign("/room/"));
    const panels = [
      { name: "wall", label: "Wall", content: [this.wallPlace] },
      { name: "tasks", label: "Tasks", content: [this.heatPlace] },
      { name: "progress", label: "Progress", content: [this.table] },
    ];
    this.tabs = new RoomTabs("The class", panels, () => void this.look());
  }

  /** Raises what the first look raises. */
  async open(): Promise<void> {
    const [of, roster, now] = await Promise.all([rooms.one(this.id), rooms.roster(this.id), rooms.room(this.id)]);
    this.place.replaceChildren(
      h("p", { class: "lab-room__back" }, h("a", { href: "/room/" }, "All classes")),
      this.facts,
      this.acts,
      this.line.element,
      this.entry,
      this.conduct.element,
      h("div", { class: "lab-room__head" }, h("h2", { id: "lab-roster-title" }, "Learners"), this.count),
      this.late,
      this.tabs.element,
      this.after.element,
      this.staff.element,
      this.news,
    );
    this.is(of);
    this.conduct.show(of, now);
    this.has(roster);
    this.tabs.show(of.state === "archived" ? "progress" : "wall");
    void this.openWall();
    this.later();
  }

  private async openWall(): Promise<void> {
    const [loaded, watching] = await Promise.all([import("./room-wall"), import("./room-watch")]).catch(() => [null, null]);
    if (!this.place.isConnected) return;
    if (!loaded || !watching) {
      this.wallPlace.replaceChildren(h("p", { class: "lab-room__late" }, "The wall could not be loaded. Reload the page."));
      return;
    }
    watching.addWatching();
    const wall = new loaded.Wall(this.id, () => this.leave());
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

  /** The table's rows are asked for while it is looked at. */
  private async look(): Promise<void> {
    if (this.tabs.current !== "progress") return;
    const roster = await rooms.roster(this.id).catch(() => null);
    if (roster) this.has(roster);
  }

  /** What the class is, and what holds in its room. Raises what the calls raise. */
  private async refresh(): Promise<void> {
    const [of, now] = await Promise.all([rooms.one(this.id), rooms.room(this.id), this.look()]);
    this.is(of);
    this.conduct.show(of, now);
  }

  private later(): void {
    setTimeout(() => void this.again(), AGAIN);
  }

  private async again(): Promise<void> {
    if (!this.place.contains(this.tabs.element)) return this.wall?.stop(); // another page was opened meanwhile
    if (document.visibilityState === "visible") {
      try {
        await this.refresh();
        this.late.hidden = true;
      } catch (error) {
        if (error instanceof ApiError && (error.status === 401 || error.status === 404)) {
          this.leave();
          return;
        }
        this.late.hidden = false;
      }
    }
    this.later();
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
    const local = ["127.0.0.1", "localhost", "[::1]"].includes(new URL(of.link).hostname);
    this.entry.replaceChildren(
      h("img", { class: "lab-room__qr", src: rooms.picture(of), alt: `QR code of ${of.link}`, width: "144", height: "144" }),
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

  // --- its learners ---

  private has(roster: Roster): void {
    this.news.textContent = this.roster.learners.length || this.roster.lessons.length ? arrived(this.roster.learners, roster.learners) : "";
    this.roster = roster;
    if (!roster.learners.length) {
      this.table.replaceChildren(h("p", { class: "lab-room__empty" }, "Nobody is here yet. Learners appear as they join."));
      return;
    }
    const had = document.activeElement instanceof HTMLElement && this.table.contains(document.activeElement) ? document.activeElement.dataset.learner : undefined;
    const heads = roster.lessons.map((lesson) => h("th", { scope: "col" }, h("a", { href: lesson.url }, lesson.title)));
    this.table.replaceChildren(
      h(
        "table",
        { class: "lab-room__roster" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), ...heads, h("th", { scope: "col" }, "Last active"), this.mayChange ? h("th", { scope: "col" }, h("span", { class: "lab-sr" }, "Reset, take out")) : "")),
        h("tbody", {}, ...roster.learners.map((learner) => this.row(learner))),
      ),
    );
    if (had) this.table.querySelector<HTMLElement>(`[data-learner="${had}"]`)?.focus();
  }

  private row(learner: Learner): HTMLElement {
    const cells = this.roster.lessons.map((lesson) => {
      const { percent, words, more } = cell(learner, lesson);
      const bar = h("span", { class: "lab-room__part", "aria-hidden": "true" });
      bar.style.setProperty("--lab-part", `${percent}%`);
      return h("td", { title: more, ...(percent === 100 ? { "data-full": true } : {}) }, h("span", { class: "lab-room__words" }, words), bar);
    });
    const anew = button("Reset", () => void this.reset(learner), { class: "lab-room__quiet", "data-learner": `${learner.id} reset`, "aria-label": `Reset the sandbox of ${learner.name}` });
    const out = button("Take out", () => void this.takeOut(learner), { class: "lab-room__quiet", "data-learner": learner.id, "aria-label": `Take out ${learner.name}` });
    return h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, learner.name)), ...cells, h("td", { class: "lab-room__ago" }, ago(learner.at, Date.now())), this.mayChange ? h("td", { class: "lab-room__each" }, anew, " ", out) : "");
  }

  private async reset(learner: Learner): Promise<void> {
    if (!(await confirmDialog(`Reset the sandbox of ${learner.name}?`, "They get a new one: every file, container and running program in the one they have is gone. They are told that it was you. Their progress is kept.", "Reset", true))) return;
    if ((await this.line.attempt(async () => (await rooms.reset(this.id, learner.id), true))) !== null) this.line.say(`${learner.name} gets a new sandbox, and is told.`);
  }

  private async takeOut(learner: Learner): Promise<void> {
    if (!(await confirmDialog(`Take ${learner.name} out?`, "You no longer see them. What they did stays theirs. With the code they can join again: make a new one to keep them out.", "Take out", true))) return;
    if ((await this.line.attempt(async () => (await rooms.takeOut(this.id, learner.id), true))) === null) return;
    this.line.say(`${learner.name} is no longer in the class.`);
    const [of, roster] = await Promise.all([rooms.one(this.id), rooms.roster(this.id)]).catch(() => [null, null]);
    if (of) this.is(of);
    if (roster) this.has(roster);
    this.table.focus();
  }
}
