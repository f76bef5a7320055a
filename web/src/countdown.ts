/* The bar that counts down to a sandbox's end, with the button that puts it off. Knows ending.ts and the DOM; what the button
   does is handed in. For eyes it ticks; read out it is once when it appears, and once more in its last minute. */

import { ApiError, type Sandbox } from "./api";
import { button, h } from "./dom";
import { because, clock, type Ending, endingOf, offer, secondsLeft, spoken, URGENT } from "./ending";
import type { LeaseNotice } from "./protocol";

export class Countdown {
  private readonly time = h("b", { class: "lab-ending__time" });
  private readonly why = h("span");
  private readonly words = h("p", { class: "lab-ending__words", "aria-hidden": "true" }, "Your sandbox ends in ", this.time, " ", this.why);
  private readonly trouble = h("p", { class: "lab-ending__trouble", role: "alert" });
  private readonly polite = h("p", { class: "lab-sr", role: "status" });
  private readonly alert = h("p", { class: "lab-sr", role: "alert" });
  private readonly press = button("", () => void this.extend(), { class: "lab-button lab-button--main" });
  readonly element = h("section", { class: "lab-ending", "aria-label": "The end of your sandbox", hidden: true }, this.words, this.press, this.trouble);
  /** What is read out stands apart from the bar: a live region has to be there before it has something to say. */
  readonly live = h("div", {}, this.polite, this.alert);
  private ending: Ending | null = null;
  private ticking: ReturnType<typeof setInterval> | undefined;
  private said: number | null = null; // seconds that were left when something was read out
  private news = 0; // notices so far

  /** It stands at the window's edge until it is put elsewhere. */
  constructor(private readonly more: () => Promise<Sandbox>) {
    document.body.append(this.element, this.live);
  }

  /** What the server says of the sandbox's end. */
  told(notice: LeaseNotice): void {
    this.news += 1;
    const ending = endingOf(notice, performance.now());
    if (!ending) {
      this.clear();
      return;
    }
    const other = this.ending?.why !== ending.why || ending.at > this.ending.at + 5000;
    if (other) {
      this.said = null;
      this.trouble.textContent = "";
    }
    this.ending = ending;
    this.element.hidden = false;
    this.element.dataset.why = ending.why;
    this.why.textContent = because(ending);
    const label = offer(ending);
    this.press.hidden = label === null;
    if (label) this.press.textContent = label;
    this.tick();
    this.ticking ??= setInterval(() => this.tick(), 1000);
  }

  /** No end is near, or it has come. */
  clear(): void {
    if (!this.ending) return;
    clearInterval(this.ticking);
    this.ticking = undefined;
    this.ending = this.said = null;
    this.element.hidden = true;
    for (const part of [this.polite, this.alert, this.trouble]) part.textContent = "";
  }

  private tick(): void {
    if (!this.ending) return;
    const left = secondsLeft(this.ending, performance.now());
    this.time.textContent = clock(left);
    this.element.toggleAttribute("data-urgent", left <= URGENT);
    const words = left > 0 ? spoken(this.ending, left, this.said) : null;
    if (!words) return;
    this.said = left;
    (left <= URGENT ? this.alert : this.polite).textContent = words;
  }

  private async extend(): Promise<void> {
    this.press.disabled = true;
    const { news } = this;
    try {
      const sandbox = await this.more();
      this.trouble.textContent = "";
      if (this.news === news) this.told(sandbox); // else a terminal was told already, and knows when it is soon
      if (!this.ending) this.polite.textContent = "Your sandbox goes on.";
    } catch (error) {
      this.trouble.textContent = error instanceof ApiError ? error.words : "That did not work. Try again.";
    }
    this.press.disabled = false;
  }
}
