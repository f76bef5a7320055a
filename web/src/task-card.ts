/* One task's card: its buttons, its status and its hint. Knows the HTML of docs/develop/protocol.md. Doesn't know sandboxes or
   progress. What scripts say is text and is shown as text. What a check by itself finds missing is shown quietly; that a
   task is passed is announced, once. */

import { h } from "./dom";

export interface CardActions {
  check(card: Card): void;
  hint(card: Card): void;
}

export class Card {
  readonly name: string;
  readonly lesson: string;
  readonly needs: string[];
  passed = false;
  blocked = "";
  private readonly status: HTMLElement; // announced
  private readonly quiet = h("p", { class: "lab-task__missing" }); // shown only
  private readonly hintText = h("p", { class: "lab-task__hint-text" });
  private readonly hintBox = h("details", { class: "lab-task__hint", hidden: true }, h("summary", {}, "Hint"), h("div", { role: "status" }, this.hintText));
  private readonly buttons: HTMLButtonElement[];
  private working = false;
  private lacks = ""; // what the last check found missing

  constructor(
    readonly element: HTMLElement,
    actions: CardActions,
  ) {
    element.dataset.awake = "";
    this.name = element.dataset.task ?? "";
    this.lesson = element.dataset.lesson ?? "";
    this.needs = (element.dataset.needs ?? "").split(/[\s,]+/).filter(Boolean);
    this.status = element.querySelector(".lab-status") ?? element.appendChild(h("p", { class: "lab-status", role: "status" }));
    this.status.before(this.hintBox);
    this.status.after(this.quiet);
    const title = element.querySelector(".lab-title")?.textContent ?? "";
    this.buttons = (["hint", "check"] as const).flatMap((action) => {
      const target = element.querySelector<HTMLButtonElement>(`[data-action="${action}"]`);
      if (!target) return [];
      target.hidden = false;
      target.setAttribute("aria-label", `${target.textContent}: ${title}`);
      target.addEventListener("click", () => actions[action](this));
      return [target];
    });
  }

  get busy(): boolean {
    return this.working;
  }
  set busy(on: boolean) {
    this.working = on;
    for (const target of this.buttons) target.setAttribute("aria-disabled", String(on));
  }

  say(words: string, state = "working"): void {
    if (this.passed) return;
    this.status.textContent = words;
    this.quiet.textContent = "";
    if (words) this.element.dataset.state = state;
    else delete this.element.dataset.state;
  }

  /** What is missing: a sentence of the check. Announced where the learner asked for it. */
  missing(sentence: string, asked: boolean): void {
    if (this.working && !asked) return;
    this.lacks = `Not yet. ${sentence}`.trim();
    if (asked) this.say(this.lacks, "missing");
    else this.still();
  }

  /** A button's work is over: what it said of its way goes, what is missing stays. */
  settle(): void {
    if (this.element.dataset.state !== "working") return;
    this.say("");
    if (this.lacks) this.still();
  }

  private still(): void {
    if (this.status.textContent === this.lacks || this.passed) return; // said already
    this.say("");
    this.element.dataset.state = "missing";
    this.quiet.textContent = this.lacks;
  }

  /** `now`: it was just done, and not restored. */
  pass(now: boolean): void {
    if (this.passed) return;
    this.say("");
    this.passed = true;
    this.element.dataset.state = "passed";
    this.element.toggleAttribute("data-now", now);
    this.quiet.textContent = now ? "" : "Passed.";
    if (now) this.status.textContent = "Passed. Well done.";
    const had = this.buttons.includes(document.activeElement as HTMLButtonElement);
    for (const target of this.buttons) target.hidden = true;
    this.hintBox.open = false;
    if (!had) return;
    this.element.tabIndex = -1; // the button that was pressed is gone
    this.element.focus({ preventScroll: true });
  }

  /** Not passed, by what the server says: another learner now, or all is forgotten. */
  open(): void {
    if (!this.passed) return;
    this.passed = false;
    this.status.textContent = this.quiet.textContent = "";
    this.element.removeAttribute("data-state");
    if (!this.blocked) for (const target of this.buttons) target.hidden = false;
  }

  block(why: string): void {
    if (!why) return;
    this.blocked = why;
    if (this.passed) return;
    for (const target of this.buttons) target.hidden = true;
    this.element.dataset.state = "blocked";
    this.quiet.textContent = why;
  }

  hinted(text: string): void {
    this.hintText.textContent = text;
    this.hintBox.hidden = false;
    this.hintBox.open = true;
  }
}
