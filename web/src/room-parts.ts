/* What the pages of classes share: a line that says what came of something, a field with its label, lists of what is seen.
   Knows elements; doesn't know classes. */

import { ApiError } from "./api";
import type { Privacy } from "./classes-api";
import { h, iconButton } from "./dom";

/** The look of what the pages of classes share, or of another part of them: beside this script. */
export function roomStyle(file = "room.css"): void {
  const href = new URL(file, import.meta.url).href;
  const there = [...document.querySelectorAll<HTMLLinkElement>("link[rel=stylesheet]")].some((link) => link.href === href);
  if (!there) document.head.append(h("link", { rel: "stylesheet", href }));
}

/** The words of whatever went wrong. */
export const wordsOf = (error: unknown): string => (error instanceof ApiError ? error.words : "That did not work. Try again.");

/** A line for the outcome of what one did, told to a screen reader too. */
export class Line {
  readonly element = h("p", { class: "lab-room__line", role: "status" });

  say(words: string, wrong = false): void {
    this.element.textContent = words;
    this.element.toggleAttribute("data-wrong", wrong && words !== "");
  }

  /** Do it, and tell what went wrong; null then. */
  async attempt<T>(act: () => Promise<T>): Promise<T | null> {
    this.say("");
    try {
      return await act();
    } catch (error) {
      this.say(wordsOf(error), true);
      return null;
    }
  }
}

export type Field = HTMLInputElement;

let made = 0;

/** A label above its input, and a hint below it. */
export function field(label: string, input: Field, hint = ""): HTMLElement {
  const id = `lab-field-${++made}`;
  input.id = id;
  input.classList.add("lab-room__input");
  const told = hint ? h("span", { class: "lab-room__hint", id: `${id}-hint` }, hint) : "";
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "lab-room__field" }, h("label", { for: id }, label), input, told);
}

export const submit = (label: string): HTMLButtonElement => h("button", { type: "submit", class: "lab-button lab-button--main" }, label);

/** A form whose submit is ours; a second press while something is under way does nothing. */
export function form(act: () => Promise<void>, ...content: (Node | string)[]): HTMLFormElement {
  const element = h("form", { class: "lab-room__form" }, ...content);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    if (element.hasAttribute("aria-busy")) return;
    element.setAttribute("aria-busy", "true");
    void act().finally(() => element.removeAttribute("aria-busy"));
  });
  return element;
}

/** A dialog with a title and a button that closes it: open, and gone when it is closed. `name` is its title's id. */
export function openDialog(name: string, title: string, ...content: (Node | string)[]): { dialog: HTMLDialogElement; close: HTMLButtonElement } {
  const close = iconButton("close", "Close", () => dialog.close());
  const dialog = h("dialog", { class: "lab-dialog lab-room__dialog", "aria-labelledby": name }, h("div", { class: "lab-mine__head" }, h("h2", { id: name }, title), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, close };
}

/** Play the recording at this address; `line` tells where the player could not be had. */
export async function playRecording(line: Line, title: string, cast: string): Promise<void> {
  const module = await import("./player").catch(() => null);
  if (module) await module.play(title, cast);
  else line.say("The player could not be loaded: reload the page.", true);
}

/** What those who run the class see, and what they don't. */
export function privacy({ seen, unseen }: Privacy): HTMLElement {
  const list = (kind: string, items: string[]): HTMLElement => h("ul", { class: `lab-room__${kind}` }, ...items.map((words) => h("li", {}, words)));
  return h(
    "div",
    { class: "lab-room__privacy" },
    h("h3", {}, "What your instructor can see"),
    list("seen", seen),
    h("h3", {}, "What they can’t see"),
    list("unseen", unseen),
    h("p", {}, "You can leave at any time, also when the class is over: from then on they see nothing of you."),
  );
}

export const chipOf = (state: string, words: string): HTMLElement => h("span", { class: "lab-room__state", "data-state": state }, words);

/** The page's heading, which the theme has a link in. */
export function headline(words: string): void {
  const heading = document.querySelector("article h1");
  if (heading?.firstChild) heading.firstChild.textContent = words;
  document.title = `${words} - ${document.title.split(" - ").at(-1)}`;
}
