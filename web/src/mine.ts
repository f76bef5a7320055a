/* "My progress": what is kept, and what the learner can do with it: carry it to another device, download it, delete it.
   Knows the calls under /api/me. Loaded when it is first opened. After the learner has changed who they are the page is
   loaded anew, so that nothing on it is another's. */

import { api, ApiError } from "./api";
import { copyText } from "./clipboard";
import { day, grouped, mergedWords, whole } from "./codes";
import { confirmDialog } from "./dialog";
import { button, h, iconButton } from "./dom";

/** `classes` opens those that the learner is in. */
export function openMine(classes: () => void): void {
  new Mine(classes).element.showModal();
}

class Mine {
  private readonly status = h("p", { class: "lab-mine__status", role: "status" });
  private readonly made = h("div", { class: "lab-mine__made" });
  private readonly input = h("input", {
    type: "text", id: "lab-mine-code", class: "lab-mine__input", autocomplete: "off", autocapitalize: "characters", spellcheck: "false",
    placeholder: "XXXX-XXXX-XXXX-XXXX", maxlength: "64", "aria-describedby": "lab-mine-status",
  });
  private readonly body: HTMLElement;
  readonly element: HTMLDialogElement;
  private readonly close = iconButton("close", "Close", () => this.element.close());
  private readonly on = button("Continue", () => this.element.close(), { class: "lab-button lab-button--main", hidden: true });
  private anew = false; // the page must be loaded again when this is closed

  constructor(classes: () => void) {
    this.status.id = "lab-mine-status";
    const form = h("form", { class: "lab-mine__row" }, this.input, h("button", { type: "submit", class: "lab-button" }, "Continue with this code"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.resume();
    });
    this.input.addEventListener("blur", () => {
      if (whole(this.input.value)) this.input.value = grouped(this.input.value);
    });
    this.body = h(
      "div",
      {},
      h(
        "p",
        {},
        "This course’s server keeps which steps you ran, which tasks you passed, your answers and predictions, and the classes that you are in, until you delete them. " +
          "There is no account: this browser is known by a cookie, which is good for 90 days after your last visit.",
      ),
      section("Continue on another device", "Make a code here and enter it there.", button("Make a resume code", () => void this.make(), { class: "lab-button" }), this.made),
      h("section", {}, h("label", { for: "lab-mine-code", class: "lab-mine__label" }, "I have a code"), form),
      section("Your classes", "Also those that are over: what is seen of you there, and the way out.", button("My classes…", classes, { class: "lab-button" })),
      section(
        "Your data",
        "",
        h(
          "div",
          { class: "lab-mine__row" },
          h("a", { href: api.exportPath, download: "my-progress.json", class: "lab-button" }, "Download my data"),
          button("Delete my data…", () => void this.forget(), { class: "lab-button lab-mine__delete" }),
        ),
      ),
    );
    this.element = h(
      "dialog",
      { class: "lab-dialog lab-mine", "aria-labelledby": "lab-mine-title" },
      h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-mine-title" }, "My progress"), this.close),
      this.body,
      this.status,
      h("div", { class: "lab-dialog__buttons" }, this.on),
    );
    this.element.addEventListener("close", () => {
      this.element.remove();
      if (this.anew) location.reload();
    });
    document.body.append(this.element);
  }

  private async make(): Promise<void> {
    const answer = await this.ask(() => api.code());
    if (!answer) return;
    const copy = button("Copy", () => void copyText(answer.code).then((done) => this.say(done ? "Copied." : "Not copied: select it instead.")), { class: "lab-button" });
    this.made.replaceChildren(
      h("div", { class: "lab-mine__row" }, h("output", { class: "lab-mine__code", "aria-label": "Your resume code" }, answer.code), copy),
      h("p", {}, `Good until ${day(Number(answer.expires))}. Anyone who has it can continue as you. A code made earlier no longer works.`),
    );
    this.say("");
    copy.focus();
  }

  private async resume(): Promise<void> {
    if (!whole(this.input.value)) {
      this.say("A code has 16 letters and digits. Dashes and small letters don’t matter.", true);
      this.input.focus();
      return;
    }
    const answer = await this.ask(() => api.resume(this.input.value.trim()));
    if (answer) this.over(mergedWords(answer.merged));
    else this.input.focus();
  }

  private async forget(): Promise<void> {
    const sure = await confirmDialog("Delete your data?", "Everything kept about you is removed, and your sandbox with it. This can’t be undone.", "Delete", true);
    if (sure && (await this.ask(async () => (await api.forget(), true)))) this.over("Everything kept about you is deleted.");
  }

  /** Who the learner is has changed: only loading the page again is left to do. */
  private over(words: string): void {
    this.anew = true;
    this.body.remove();
    this.say(words);
    this.on.hidden = false;
    this.on.focus();
  }

  private async ask<T>(act: () => Promise<T>): Promise<T | null> {
    this.say("");
    try {
      return await act();
    } catch (error) {
      this.say(error instanceof ApiError ? error.words : "That did not work. Try again.", true);
      return null;
    }
  }

  private say(words: string, wrong = false): void {
    this.status.textContent = words;
    this.status.toggleAttribute("data-wrong", wrong);
  }
}

const section = (title: string, text: string, ...content: Node[]): HTMLElement => h("section", {}, h("h3", {}, title), ...(text ? [h("p", {}, text)] : []), ...content);
