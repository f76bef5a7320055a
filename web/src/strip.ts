/* The line under a lesson's facts: how far it is, what is next, and the way to "My progress".
   Knows the page's live parts and the learner's progress; what is open is asked of the page, in its order. */

import type { LessonProgress } from "./api";
import { button, h } from "./dom";
import { tally } from "./lessons";
import { type ProgressStore, stepKey } from "./progress";
import { recall, remember } from "./store";

const PARTS = ".lab-step:not([data-edit]), .lab-task, form.lab-quiz fieldset[data-question]";

export interface Open {
  id: string; // of the element
  words: string;
}

export class Strip {
  private element: HTMLElement | null = null;
  private lesson = "";
  private said = "";

  constructor(
    private readonly progress: ProgressStore,
    private readonly mine: () => void,
    private readonly classes: () => void,
  ) {
    progress.subscribe(() => this.show());
  }

  wake(): void {
    const part = document.querySelector<HTMLElement>("article [data-lesson]");
    this.lesson = part?.dataset.lesson ?? "";
    this.said = "";
    this.element = document.querySelector<HTMLElement>(".lab-progress");
    const place = document.querySelector("article .lab-verified") ?? document.querySelector("article h1 + blockquote") ?? document.querySelector("article h1");
    if (this.lesson && place && !this.element) {
      this.element = h("div", { class: "lab-progress", role: "group", "aria-label": "Your progress in this lesson" });
      this.element.toggleAttribute("data-room", recall("progress", false)); // it will come: keep what follows from jumping
      place.after(this.element);
    }
    this.show();
  }

  private show(): void {
    const { element } = this;
    if (!element) return;
    const lesson = this.progress.lesson(this.lesson);
    if (this.progress.server !== "unknown") {
      remember("progress", lesson !== null);
      element.toggleAttribute("data-room", lesson !== null);
    }
    if (!lesson) {
      element.replaceChildren();
      this.said = "";
      return;
    }
    const counts = tally(lesson);
    const next = lesson.complete ? null : nextOpen(lesson);
    const joined = this.progress.value?.classes ?? [];
    const saying = JSON.stringify([counts, lesson.complete, next, joined]);
    if (saying === this.said) return; // what has the focus is left where it is
    this.said = saying;
    const had = element.contains(document.activeElement) ? document.activeElement?.classList[0] : "";
    const mine = button("My progress", this.mine, { class: "lab-progress__mine" });
    const chips = joined.map((of) => chip(of, this.classes));
    element.replaceChildren(h("span", { class: "lab-progress__counts" }, ...counts.map(one)), this.way(lesson, next), ...chips, mine);
    if (had) element.querySelector<HTMLElement>(`button.${had}`)?.focus();
  }

  private way(lesson: LessonProgress, next: Open | null): HTMLElement | string {
    if (next) {
      const link = h("a", { href: `#${next.id}` }, next.words);
      link.addEventListener("click", (event) => go(event, next.id));
      return h("span", { class: "lab-progress__next" }, lesson.at === null ? "Start: " : "Continue: ", link);
    }
    if (!lesson.complete) return "";
    return h("span", { class: "lab-progress__next lab-progress__next--done" }, "Lesson complete");
  }
}

function one({ name, done, all }: { name: string; done: number; all: number }): HTMLElement {
  return h("span", { class: "lab-progress__count", ...(done >= all ? { "data-full": true } : {}) }, `${name} `, h("b", {}, `${done}/${all}`));
}

/** The class that the learner is in: its button tells what is seen of them there. */
function chip(of: { title: string; state: string }, open: () => void): HTMLElement {
  const made = button(of.title, open, { class: "lab-class-chip" });
  made.prepend(h("span", { class: "lab-class-chip__what" }, "Class "));
  if (of.state === "closed") made.append(h("span", { class: "lab-class-chip__state" }, " closed"));
  return made;
}

/** The first thing of the page that is not done. A step that this host can't run is passed over. */
export function nextOpen(lesson: LessonProgress): Open | null {
  let question = 0;
  for (const part of document.querySelectorAll<HTMLElement>(PARTS)) {
    if (part.matches("fieldset")) {
      question += 1;
      if (!lesson.questions[part.dataset.question ?? ""]?.right) return { id: part.id, words: `question ${question} of the quiz` };
    } else if (part.matches(".lab-task")) {
      if (part.dataset.state !== "blocked" && !lesson.tasks[part.dataset.task ?? ""]?.passed) {
        return { id: part.id, words: `task “${part.querySelector(".lab-title")?.textContent ?? ""}”` };
      }
    } else if (part.dataset.state !== "skipped" && !stepDone(part, lesson)) {
      const block = part.closest(".lab-block")?.querySelector(".lab-title")?.textContent ?? "";
      return { id: part.id, words: `${block}, step ${part.dataset.step}` };
    }
  }
  return null;
}

function stepDone(part: HTMLElement, lesson: LessonProgress): boolean {
  const block = part.closest<HTMLElement>(".lab-block")?.dataset.block ?? "";
  return lesson.steps[stepKey(block, Number(part.dataset.step))] !== undefined;
}

/** Scrolls there and puts the focus on the first thing to press, without an address of its own. */
function go(event: Event, id: string): void {
  const target = document.getElementById(id);
  if (!target) return;
  event.preventDefault();
  event.stopPropagation(); // instant navigation would make an address of it
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
  target.querySelector<HTMLElement>("input:not(:disabled), [data-action='run']:not([hidden]), [data-action='check']:not([hidden])")?.focus({ preventScroll: true });
}
