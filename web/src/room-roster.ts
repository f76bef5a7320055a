/* The learners of a class and how far each is in each lesson, as a table; a sandbox is reset here, a learner taken out.
   Asks for its rows while it is looked at. Doesn't know the wall, nor what else is on the page. */

import { ago, arrived, cell } from "./class-words";
import { type Learner, rooms, type Roster as Rows } from "./classes-api";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import type { Line } from "./room-parts";

const RETELL = 30_000; // ms; "5 min ago" is told anew
const SETTLE = 2000; // ms between two askings

export class Roster {
  readonly element = h("div", { class: "lab-room__scroll", role: "region", tabindex: "0", "aria-labelledby": "lab-roster-title" });
  readonly news = h("p", { class: "lab-sr", role: "status" });
  mayChange = false; // so that rows have what resets a sandbox, and takes a learner out
  private rows: Rows = { lessons: [], learners: [] };
  private begun = false;
  private asking: ReturnType<typeof setTimeout> | undefined;
  private asked = -SETTLE;

  /** `looked`: whether it is on the page now. */
  constructor(
    private readonly id: string,
    private readonly line: Line,
    private readonly looked: () => boolean,
  ) {
    const timer = setInterval(() => {
      if (this.begun && !this.element.isConnected) clearInterval(timer);
      else if (this.begun && this.looked()) this.draw();
    }, RETELL);
  }

  show(rows: Rows): void {
    this.news.textContent = this.begun ? arrived(this.rows.learners, rows.learners) : "";
    this.rows = rows;
    this.begun = true;
    this.draw();
  }

  /** Its rows may be others now. They are asked for soon, if they are looked at. */
  soon(): void {
    if (!this.looked()) return;
    this.asking ??= setTimeout(() => void this.ask(), Math.max(0, this.asked + SETTLE - performance.now()));
  }

  private async ask(): Promise<void> {
    this.asked = performance.now();
    const rows = await rooms.roster(this.id).catch(() => null); // whoever hears the server tells where it is silent
    this.asking = undefined;
    if (rows) this.show(rows);
  }

  private draw(): void {
    const { lessons, learners } = this.rows;
    if (!learners.length) {
      this.element.replaceChildren(h("p", { class: "lab-room__empty" }, "Nobody is here yet. Learners appear as they join."));
      return;
    }
    const had = document.activeElement instanceof HTMLElement && this.element.contains(document.activeElement) ? document.activeElement.dataset.learner : undefined;
    const heads = lessons.map((lesson) => h("th", { scope: "col" }, h("a", { href: lesson.url }, lesson.title)));
    this.element.replaceChildren(
      h(
        "table",
        { class: "lab-room__roster" },
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Name"), ...heads, h("th", { scope: "col" }, "Last active"), this.mayChange ? h("th", { scope: "col" }, h("span", { class: "lab-sr" }, "Reset, take out")) : "")),
        h("tbody", {}, ...learners.map((learner) => this.row(learner))),
      ),
    );
    if (had) this.element.querySelector<HTMLElement>(`[data-learner="${had}"]`)?.focus();
  }

  private row(learner: Learner): HTMLElement {
    const cells = this.rows.lessons.map((lesson) => {
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
    await this.ask();
    this.element.focus();
  }
}
