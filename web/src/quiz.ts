/* Quizzes: each question has its own Check, and is graded by the server; answers given earlier come back with the page.
   Knows the HTML of docs/develop/protocol.md and the learner's progress. No answer is in the page before it was given.
   Where no course server answers, a quiz is there to read, and says so. */

import { api, ApiError, type QuizVerdict } from "./api";
import { button, h } from "./dom";
import { headline, samePicks, score } from "./grading";
import { inline, plain } from "./inline";
import type { ProgressStore } from "./progress";

export class Quizzes {
  private awake: Quiz[] = [];

  constructor(private readonly progress: ProgressStore) {
    progress.subscribe(() => this.show());
  }

  wake(root: ParentNode): void {
    this.awake = this.awake.filter((quiz) => quiz.form.isConnected);
    for (const form of root.querySelectorAll<HTMLFormElement>("form.lab-quiz:not([data-awake])")) this.awake.push(new Quiz(form, this.progress));
    this.show();
  }

  private show(): void {
    for (const quiz of this.awake) quiz.show();
  }
}

class Quiz {
  private readonly questions: Question[];
  private readonly score = h("p", { class: "lab-quiz__score" });
  private readonly live = h("p", { class: "lab-sr", role: "status" }); // what is shown on its own is not announced

  constructor(
    readonly form: HTMLFormElement,
    private readonly progress: ProgressStore,
  ) {
    form.dataset.awake = "";
    form.addEventListener("submit", (event) => event.preventDefault());
    const lesson = form.dataset.lesson ?? "";
    this.questions = [...form.querySelectorAll<HTMLFieldSetElement>("fieldset[data-question]")].map(
      (box) => new Question(box, lesson, progress, (words) => this.say(words)),
    );
    form.append(h("div", { class: "lab-quiz__foot" }, this.score, this.live));
  }

  show(): void {
    const { server } = this.progress;
    for (const question of this.questions) question.show();
    if (server === "away") this.score.textContent = "Answers are checked where a course server runs. None answers here, so this is for reading.";
    else this.score.textContent = this.questions.some((question) => question.tried) ? this.sum() : "";
  }

  private sum(): string {
    return score(this.questions.filter((question) => question.solved).length, this.questions.length);
  }

  private say(words: string): void {
    this.live.textContent = "";
    requestAnimationFrame(() => {
      this.live.textContent = `${words} ${this.sum()}`; // said again where it is the same as before
    });
  }
}

class Question {
  solved = false; // was right at least once
  tried = false;
  private readonly id: string;
  private readonly inputs: HTMLInputElement[];
  private readonly check = button("Check", () => void this.press(), { class: "lab-button lab-button--main", hidden: true });
  private readonly result = h("div", { class: "lab-quiz__verdict" });
  private graded: { verdict: QuizVerdict; picked: string[] } | null = null;
  private busy = false;
  private restored = false;

  constructor(
    private readonly box: HTMLFieldSetElement,
    private readonly lesson: string,
    private readonly progress: ProgressStore,
    private readonly say: (words: string) => void,
  ) {
    this.id = box.dataset.question ?? "";
    box.id ||= `question-${this.id}`;
    this.inputs = [...box.querySelectorAll("input")];
    const legend = (box.querySelector("legend")?.textContent ?? "").trim();
    this.check.setAttribute("aria-label", `Check: ${legend}`);
    box.append(h("div", { class: "lab-quiz__act" }, this.check, this.result));
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault();
      if (!this.graded) void this.press();
    });
    box.addEventListener("change", () => this.picks());
  }

  /** As the progress has it; what the learner is at now is left alone. */
  show(): void {
    this.check.hidden = this.progress.server !== "there";
    const kept = this.progress.lesson(this.lesson)?.questions[this.id];
    if (!kept && this.restored && this.progress.value) this.clear(); // forgotten, or another learner now
    this.solved = kept?.right ?? (this.progress.value ? false : this.solved);
    this.tried = kept !== undefined || (!this.progress.value && this.tried);
    this.box.toggleAttribute("data-solved", this.solved);
    if (!kept || this.restored || this.graded || this.picked.length) return;
    this.restored = true;
    for (const input of this.inputs) input.checked = kept.picked.includes(input.value);
    this.judge(kept, kept.picked);
  }

  private get picked(): string[] {
    return this.inputs.filter((input) => input.checked).map((input) => input.value);
  }

  /** Check, or, once it is graded, try again. */
  private async press(): Promise<void> {
    if (this.busy || this.check.hidden) return;
    if (this.graded) {
      this.clear();
      this.inputs[0]?.focus();
      return;
    }
    const picked = this.picked;
    if (!picked.length) {
      this.tell("Pick an answer first.");
      return;
    }
    this.busy = true;
    this.box.setAttribute("aria-busy", "true");
    try {
      const verdict = await api.answer(this.lesson, this.id, picked);
      this.tried = true;
      this.solved ||= verdict.right;
      this.restored = true;
      if (samePicks(picked, this.picked)) this.judge(verdict, picked);
      this.progress.answered(this.lesson, this.id, verdict, picked);
      this.box.toggleAttribute("data-solved", this.solved);
      this.say([headline(verdict), ...Object.values(verdict.options).map((option) => plain(option.why)), plain(verdict.why)].join(" "));
    } catch (error) {
      this.tell(error instanceof ApiError ? error.words : "That could not be checked. Try again.");
    } finally {
      this.busy = false;
      this.box.removeAttribute("aria-busy");
    }
  }

  private tell(words: string): void {
    this.result.replaceChildren(h("p", { class: "lab-quiz__note" }, words));
    this.say(words);
  }

  /** Another pick makes the verdict old. */
  private picks(): void {
    const picked = this.picked;
    if (this.graded && samePicks(picked, this.graded.picked)) return;
    this.unjudge();
  }

  private clear(): void {
    for (const input of this.inputs) input.checked = false;
    this.unjudge();
  }

  private unjudge(): void {
    this.graded = null;
    delete this.box.dataset.result;
    this.result.replaceChildren();
    for (const note of this.box.querySelectorAll(".lab-quiz__why, .lab-quiz__mark")) note.remove();
    for (const label of this.box.querySelectorAll("label")) delete label.dataset.result;
    this.name("Check");
  }

  private judge(verdict: QuizVerdict, picked: string[]): void {
    this.unjudge();
    this.graded = { verdict, picked };
    this.box.dataset.result = verdict.right ? "right" : "wrong";
    for (const input of this.inputs) {
      const option = verdict.options[input.value];
      const label = input.closest("label");
      if (!option || !label) continue;
      label.dataset.result = option.right ? "right" : "wrong";
      label.append(h("span", { class: "lab-quiz__mark" }, option.right ? "right" : "not this"));
      if (option.why) label.after(h("p", { class: "lab-quiz__why" }, ...inline(option.why)));
    }
    this.result.replaceChildren(h("p", {}, h("strong", {}, headline(verdict)), " ", ...inline(verdict.why)));
    this.name(verdict.right ? "Answer again" : "Try again");
  }

  private name(word: string): void {
    const legend = (this.box.querySelector("legend")?.textContent ?? "").trim();
    this.check.textContent = word;
    this.check.setAttribute("aria-label", `${word}: ${legend}`);
    this.check.classList.toggle("lab-button--main", word === "Check");
  }
}
