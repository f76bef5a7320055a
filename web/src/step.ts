/* One step on the page: its buttons and its status line. Knows the HTML of docs/develop/protocol.md.
   Doesn't know terminals: what its buttons do is handed in. */

import { copyText } from "./clipboard";
import { button, h } from "./dom";
import { duration, type Verdict } from "./outcome";

export interface StepActions {
  run(step: Step): void;
  edit(step: Step): void;
  stop(step: Step): void;
}

const COPIED_FOR = 1500; // ms
const HEADER = 64; // px that the site keeps at the top
const GAP = 12; // px between a step and the dock

export class Step {
  readonly session: string;
  readonly command: string;
  readonly number: number;
  readonly needs: string[];
  readonly fillIn: boolean; // has a <placeholder>: only the learner can finish it
  blocked = ""; // why it can't run on this host
  private readonly status: HTMLElement;
  private readonly clock = h("span", { class: "lab-clock", "aria-hidden": "true" });
  private readonly stop: HTMLButtonElement;
  private readonly match = h("span", { class: "lab-match", role: "status" });
  private readonly before = h("span", { class: "lab-before", hidden: true }, "done before");
  private readonly compare = button("Compare with the expected output", () => this.openExpected(), { class: "lab-compare", hidden: true });
  private ticking: ReturnType<typeof setInterval> | undefined;

  constructor(
    readonly element: HTMLElement,
    actions: StepActions,
  ) {
    this.session = element.dataset.session ?? "host";
    this.command = (element.querySelector(".lab-line code")?.textContent ?? "").trimEnd();
    this.number = Number(element.dataset.step);
    this.needs = (element.dataset.needs ?? "").split(/[\s,]+/).filter(Boolean);
    this.fillIn = element.hasAttribute("data-edit");
    this.status = element.querySelector(".lab-status") ?? element.appendChild(h("p", { class: "lab-status", role: "status" }));
    this.stop = button("Stop", () => actions.stop(this), { class: "lab-stop", "aria-label": `Stop: ${this.command}`, hidden: true });
    element.querySelector(".lab-session")?.setAttribute("data-session", this.session);
    this.wire("run", "Run", () => actions.run(this));
    this.wire("copy", "Copy", (target) => void this.copy(target));
    this.wire("edit", "Edit", () => actions.edit(this));
    const foot = h("div", { class: "lab-foot" });
    this.status.replaceWith(foot);
    foot.append(this.status, this.match, this.compare, this.before, this.stop);
    this.focusable();
  }

  /** Waiting for a sandbox, a terminal or a prompt: nothing is typed yet. `since` (of performance.now) starts a clock. */
  waiting(words: string, since?: number): void {
    this.show({ state: "waiting", words });
    this.busy(true);
    if (since !== undefined) this.tick(since);
  }

  running(since: number, words = "running…"): void {
    this.show({ state: "running", words });
    this.busy(true);
    this.clearOfDock();
    this.tick(since);
  }

  /** Whether it printed what the page promises; null where it promises nothing. A difference is no error. */
  matched(matches: boolean | null): void {
    const state = this.element.dataset.state;
    if (matches === null || (state !== "ok" && state !== "failed")) return;
    this.element.dataset.matches = String(matches);
    this.match.textContent = matches ? "as the lesson says" : "differs from the lesson";
    this.compare.hidden = matches || this.expected === null;
  }

  /** A quiet mark on what was run on another day; what is under way here says so itself. */
  doneBefore(done: boolean): void {
    this.element.toggleAttribute("data-done", done);
    this.before.hidden = !done || this.element.dataset.state !== undefined;
  }

  /** The clock is for the eyes: a screen reader would have to hear every second. */
  private tick(since: number): void {
    clearInterval(this.ticking);
    this.status.append(" ", this.clock);
    const tick = (): void => {
      this.clock.textContent = duration((performance.now() - since) / 1000);
    };
    this.ticking = setInterval(tick, 1000);
  }

  private get expected(): HTMLDetailsElement | null {
    return this.element.querySelector<HTMLDetailsElement>("details.lab-expect:not([hidden])");
  }

  private openExpected(): void {
    const details = this.expected;
    if (!details) return;
    details.open = true;
    details.querySelector("summary")?.focus();
  }

  show({ state, words }: Verdict): void {
    clearInterval(this.ticking);
    this.clock.textContent = "";
    this.element.dataset.state = state;
    this.status.replaceChildren(words);
    delete this.element.dataset.matches;
    this.match.replaceChildren();
    this.compare.hidden = true;
    if (state !== "skipped") this.before.hidden = true;
    if (state !== "waiting" && state !== "running") this.busy(false);
  }

  /** The dock at the bottom may lie over the step that was just run: bring it into what is left of the window. */
  private clearOfDock(): void {
    const dock = document.querySelector(".lab-dock:not([hidden])")?.getBoundingClientRect();
    const own = this.element.getBoundingClientRect();
    if (!dock || dock.left > own.left) return; // at the right it covers nothing
    const below = Math.min(own.bottom - dock.top, own.top - HEADER);
    if (below > 0) window.scrollBy({ top: below + GAP });
  }

  /** Run stays where it is, so that a double click doesn't press Stop. */
  private busy(on: boolean): void {
    const run = this.element.querySelector<HTMLElement>('[data-action="run"]');
    if (!on && document.activeElement === this.stop) run?.focus();
    this.stop.hidden = !on;
    run?.setAttribute("aria-disabled", String(on));
  }

  private wire(action: string, word: string, press: (target: HTMLButtonElement) => void): void {
    const target = this.element.querySelector<HTMLButtonElement>(`[data-action="${action}"]`);
    if (!target) return;
    target.hidden = false;
    target.setAttribute("aria-label", `${word}: ${this.command}`);
    target.addEventListener("click", () => press(target));
  }

  private async copy(target: HTMLButtonElement): Promise<void> {
    const done = await copyText(this.command);
    target.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => {
      target.textContent = "Copy";
    }, COPIED_FOR);
  }

  /** What scrolls sideways can be scrolled with the keys. */
  private focusable(): void {
    for (const pre of this.element.querySelectorAll<HTMLElement>(".lab-expect > pre")) {
      pre.tabIndex = 0;
      pre.setAttribute("role", "group");
      pre.setAttribute("aria-label", "Expected output");
    }
  }
}
