/* A step that asks for a prediction: Run asks first, the server keeps the answer, and what the step really printed grades it.
   Knows the fieldset of docs/develop/protocol.md and one step's progress. Doesn't know terminals: running is handed in.

     closed ──Run──► asked ──answer──► sent ──the step ran──► graded
                       └──"Run without predicting"──► skipped (until the page is loaded again)

   What the page expects stays hidden until it is graded or skipped, where a server can grade. Run all asks nothing. */

import { api, ApiError, type PredictionDone } from "./api";
import { button, h } from "./dom";
import { inline } from "./inline";
import { type ProgressStore, stepKey } from "./progress";

export type Stage = "closed" | "asked" | "graded" | "skipped";

export const gradeWords = (right: boolean): string => (right ? "As you predicted." : "Not as you predicted.");

let count = 0;

export class Prediction {
  private stage: Stage = "closed";
  private readonly box: HTMLFieldSetElement;
  private readonly run: HTMLButtonElement;
  private readonly expected: HTMLElement | null;
  private readonly skip = button("Run without predicting", () => this.skipped(), { class: "lab-button", "data-action": "skip" });
  private readonly actions = h("div", { class: "lab-predict__act" });
  private readonly note = h("p", { class: "lab-predict__note", role: "status" });
  private readonly verdict = h("div", { class: "lab-predict__verdict", role: "status" });
  private readonly home: HTMLElement; // where the Run button was
  private readonly options: HTMLInputElement[];
  private busy = false;

  /** Null where the step asks for none. */
  static of(step: HTMLElement, lesson: string, block: string, number: number, progress: ProgressStore, go: () => void): Prediction | null {
    const box = step.querySelector<HTMLFieldSetElement>("fieldset.lab-predict");
    const run = step.querySelector<HTMLButtonElement>('[data-action="run"]');
    return box && run ? new Prediction(step, box, run, lesson, block, number, progress, go) : null;
  }

  private constructor(
    private readonly step: HTMLElement,
    box: HTMLFieldSetElement,
    run: HTMLButtonElement,
    private readonly lesson: string,
    private readonly block: string,
    private readonly number: number,
    private readonly progress: ProgressStore,
    private readonly go: () => void,
  ) {
    this.box = box;
    this.run = run;
    this.home = run.parentElement as HTMLElement;
    this.expected = step.querySelector<HTMLElement>(".lab-expect");
    this.options = [...box.querySelectorAll("input")];
    const command = run.getAttribute("aria-label")?.replace(/^Run: /, "") ?? "";
    this.skip.setAttribute("aria-label", `Run without predicting: ${command}`);
    box.append(this.actions, this.note);
    box.id ||= `lab-prediction-${++count}`;
    box.after(this.verdict);
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.target instanceof HTMLInputElement)) return;
      event.preventDefault();
      this.run.click();
    });
    box.addEventListener("input", () => this.note.replaceChildren());
    this.show();
  }

  /** Run was pressed: true where the step may run now. */
  async mayRun(): Promise<boolean> {
    if (this.stage === "graded" || this.stage === "skipped" || this.progress.server !== "there") return true;
    if (this.stage === "closed") {
      this.open();
      return false;
    }
    const answer = this.answer;
    if (!answer) {
      this.say(this.free ? "Write what you expect first." : "Pick one first.");
      this.focus();
      return false;
    }
    if (this.busy) return false;
    this.busy = true;
    try {
      this.progress.predicted(this.lesson, this.block, this.number, await api.predict(this.lesson, this.block, this.number, answer));
      this.note.replaceChildren();
      return true;
    } catch (error) {
      this.say(error instanceof ApiError ? error.words : "The prediction could not be kept. Try again.");
      return false;
    } finally {
      this.busy = false;
    }
  }

  /** As the progress has it: what was answered, and what came of it. */
  show(): void {
    const kept = this.progress.lesson(this.lesson)?.predictions[stepKey(this.block, this.number)];
    if (kept?.right !== null && kept?.right !== undefined) this.graded(kept);
    else if (this.stage === "graded" && this.progress.value) this.reopen(); // forgotten, or another learner now
    else if (kept && this.stage === "closed") this.fill(kept.answer);
    if (this.expected) this.expected.hidden = this.progress.server === "there" && (this.stage === "closed" || this.stage === "asked");
  }

  private get free(): boolean {
    return this.box.dataset.predict === "text";
  }

  private get answer(): string {
    if (this.free) return this.options[0]?.value.trim() ?? "";
    return this.options.find((option) => option.checked)?.value ?? "";
  }

  private fill(answer: string): void {
    for (const option of this.options) {
      if (this.free) option.value = answer;
      else option.checked = option.value === answer;
    }
  }

  private open(): void {
    this.stage = "asked";
    this.box.hidden = false;
    this.step.dataset.asks = "";
    this.actions.append(this.run, this.skip); // one Run: it moves under the question, and back
    this.word("Predict, then run");
    this.focus();
  }

  private skipped(): void {
    this.stage = "skipped";
    this.close();
    this.show();
    this.run.focus();
    this.go();
  }

  private graded(kept: PredictionDone): void {
    if (this.stage !== "graded") {
      this.stage = "graded";
      const had = this.actions.contains(document.activeElement) || this.box.contains(document.activeElement);
      this.fill(kept.answer);
      this.close();
      this.box.hidden = false;
      if (had) this.run.focus();
    }
    for (const option of this.options) option.disabled = true;
    this.mark(kept.holds);
    this.box.dataset.result = kept.right ? "right" : "wrong";
    const words = gradeWords(kept.right === true);
    if (this.verdict.dataset.words === words + kept.why) return; // announced once
    this.verdict.dataset.words = words + kept.why;
    this.verdict.replaceChildren(h("p", {}, h("strong", {}, words), " ", ...inline(kept.why)));
  }

  /** Says at the option that the output made right that it is the one. */
  private mark(holds = ""): void {
    for (const option of this.options) {
      const label = option.closest("label");
      label?.querySelector(".lab-predict__holds")?.remove();
      if (!this.free && holds && option.value === holds) label?.append(h("em", { class: "lab-predict__holds" }, "what it printed"));
    }
  }

  private reopen(): void {
    this.stage = "closed";
    this.box.hidden = true;
    delete this.box.dataset.result;
    delete this.verdict.dataset.words;
    this.verdict.replaceChildren();
    this.mark();
    for (const option of this.options) {
      option.disabled = false;
      if (this.free) option.value = "";
      else option.checked = false;
    }
  }

  private close(): void {
    this.box.hidden = true;
    delete this.step.dataset.asks;
    this.skip.remove();
    this.home.prepend(this.run);
    this.note.replaceChildren();
    this.word("Run");
  }

  private word(word: string): void {
    this.run.textContent = word;
    const command = this.skip.getAttribute("aria-label")?.replace(/^[^:]*: /, "") ?? "";
    this.run.setAttribute("aria-label", `${word}: ${command}`);
  }

  private say(words: string): void {
    this.note.textContent = words;
  }

  private focus(): void {
    (this.options.find((option) => option.checked) ?? this.options[0])?.focus();
  }
}
