/* The heat map: the class's tasks by its learners, and how many have passed each. Knows marks and elements; rows whose marks are the same are left as they are. */

import { h } from "./dom";
import type { HeatTask, Tile } from "./room-wire";
import { byLesson, learnersWords, type Lessons } from "./wall-words";

interface Row {
  element: HTMLElement;
  said: string;
}

export class HeatMap {
  readonly element = h("div", { class: "lab-heat" });
  private readonly rows = new Map<string, Row>();
  private said = "";
  private body = h("tbody");

  /** `tiles` in the order of the rows; `passed`: learner's id → a character a task. */
  show(tasks: readonly HeatTask[], tiles: readonly Tile[], passed: ReadonlyMap<string, string>, lessons: Lessons): void {
    const counts = tasks.map((_, n) => tiles.filter((tile) => passed.get(tile.id)?.[n] === "1").length);
    const said = JSON.stringify([tasks, counts, tiles.length, lessons.size]);
    if (said !== this.said) {
      this.said = said;
      this.head(tasks, counts, tiles.length, lessons);
    }
    if (!tasks.length || !tiles.length) return;
    const wanted = tiles.map((tile) => this.row(tile, tasks, passed.get(tile.id) ?? ""));
    if (wanted.length !== this.body.children.length || wanted.some((row, n) => this.body.children[n] !== row)) this.body.replaceChildren(...wanted);
    const there = new Set(tiles.map((tile) => tile.id));
    for (const id of this.rows.keys()) if (!there.has(id)) this.rows.delete(id);
  }

  private head(tasks: readonly HeatTask[], counts: readonly number[], learners: number, lessons: Lessons): void {
    if (!tasks.length || !learners) {
      this.element.replaceChildren(h("p", { class: "lab-room__empty" }, learners ? "The lessons of this class have no tasks." : "Nobody is here yet. Learners appear as they join."));
      return;
    }
    const groups = byLesson(tasks).map(({ lesson, tasks: own }) => h("th", { scope: "colgroup", colspan: String(own.length) }, lessons.get(lesson)?.title ?? lesson));
    const names = tasks.map((task, n) => {
      const count = h("span", { class: "lab-heat__count" }, h("span", { class: "lab-sr" }, "passed by "), String(counts[n]), h("span", { class: "lab-sr" }, ` of ${learners}`));
      const head = h("th", { scope: "col", title: `${task.title}: passed by ${counts[n]} of ${learners}` }, h("span", { class: "lab-heat__task" }, task.title), count);
      head.style.setProperty("--lab-heat", `${Math.round((100 * (counts[n] ?? 0)) / learners)}%`);
      return head;
    });
    const body = h("tbody");
    body.append(...this.body.children);
    this.body = body;
    const caption = h("caption", { class: "lab-sr" }, `Tasks by learner: ${learnersWords(learners)}`);
    const table = h("table", { class: "lab-heat__table" }, caption, h("thead", {}, h("tr", {}, h("td"), ...groups), h("tr", {}, h("th", { scope: "col" }, "Name"), ...names)), body);
    const key = h("p", { class: "lab-room__hint lab-heat__key" }, h("span", { class: "lab-heat__mark", "data-passed": true }), " passed ", h("span", { class: "lab-heat__mark", "data-here": true }), " at it now");
    const scroll = h("div", { class: "lab-room__scroll", role: "region", tabindex: "0", "aria-label": "Tasks by learner" }, table);
    const at = this.element.querySelector(".lab-room__scroll");
    const [left, top] = [at?.scrollLeft ?? 0, at?.scrollTop ?? 0];
    const had = at?.contains(document.activeElement);
    this.element.replaceChildren(key, scroll);
    scroll.scrollTo(left, top);
    if (had) scroll.focus();
  }

  private row(tile: Tile, tasks: readonly HeatTask[], marks: string): HTMLElement {
    const said = JSON.stringify([tile.name, marks, tile.lesson, tile.step, tasks.length]);
    const there = this.rows.get(tile.id);
    if (there?.said === said) return there.element;
    const cells = tasks.map((task, n) => {
      const done = marks[n] === "1";
      const here = !done && task.lesson === tile.lesson && task.name === tile.step;
      return h("td", done ? { "data-passed": true } : here ? { "data-here": true } : {}, h("span", { class: "lab-sr" }, done ? "passed" : here ? "at it now" : "open"));
    });
    const element = h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, tile.name)), ...cells);
    this.rows.set(tile.id, { element, said });
    return element;
  }
}
