/* The page that a class is joined on: what it is, what its instructor can see, a name, in. Knows the calls of classes-api.ts.
   Looks again by itself while the class isn't open, so that who comes early gets in. */

import { ApiError } from "./api";
import { behind, grouped, STATES, timesWords, whole } from "./class-words";
import { type Invitation, rooms } from "./classes-api";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import { chipOf, field, form, headline, Line, privacy, submit, wordsOf } from "./room-parts";

const AGAIN = 10_000; // ms between two looks at a class that can't be joined yet

/** `changed` is called when the learner is in, or out. */
export function wake(place: HTMLElement, changed: () => void): void {
  const code = behind("join", location.pathname);
  if (code) void new Join(place, code, changed).look();
  else place.replaceChildren(...askForCode(""));
}

function askForCode(why: string): HTMLElement[] {
  const line = new Line();
  const input = h("input", { type: "text", inputmode: "numeric", autocomplete: "off", maxlength: "24", placeholder: "123-456-789", required: true });
  input.classList.add("lab-room__code-input");
  input.addEventListener("blur", () => {
    if (whole(input.value)) input.value = grouped(input.value);
  });
  line.say(why, true);
  const asked = form(
    async () => {
      if (whole(input.value)) return location.assign(`/join/${grouped(input.value)}`);
      line.say("A code has nine digits. Dashes and blanks don’t matter.", true);
      input.focus();
    },
    h("p", {}, "Your instructor has a code of nine digits for you."),
    field("Code", input),
    h("div", { class: "lab-room__row" }, submit("Continue")),
  );
  return [h("div", { class: "lab-room__card" }, line.element, asked)];
}

class Join {
  private readonly line = new Line();
  private readonly name = h("input", { type: "text", autocomplete: "nickname", maxlength: "40", required: true, spellcheck: "false" });
  private shown = "";

  constructor(
    private readonly place: HTMLElement,
    private readonly code: string,
    private readonly changed: () => void,
  ) {}

  async look(): Promise<void> {
    let found: Invitation;
    try {
      found = await rooms.look(this.code);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        headline("Join a class");
        this.place.replaceChildren(...askForCode(error.words));
      } else this.place.replaceChildren(this.card(h("p", { class: "lab-room__line", "data-wrong": true, role: "status" }, wordsOf(error)), button("Try again", () => void this.look(), { class: "lab-button" })));
      return;
    }
    const open = found.name !== null || (found.state === "open" && found.free > 0);
    const saying = JSON.stringify(found);
    if (saying !== this.shown) {
      this.shown = saying;
      this.show(found);
    }
    if (!open && found.state !== "archived") setTimeout(() => void this.again(), AGAIN);
  }

  private again(): void {
    if (!this.place.isConnected) return; // another page was opened meanwhile
    if (document.visibilityState === "visible") void this.look();
    else document.addEventListener("visibilitychange", () => this.again(), { once: true });
  }

  private show(of: Invitation): void {
    headline(of.title);
    const times = timesWords(of, Date.now());
    const facts = h("p", { class: "lab-room__facts" }, chipOf(of.state, STATES[of.state]), times ? ` ${times}` : "");
    const course = h(
      "details",
      { class: "lab-room__lessons" },
      h("summary", {}, of.lessons.length === 1 ? "1 lesson" : `${of.lessons.length} lessons`),
      h("ul", {}, ...of.lessons.map((lesson) => h("li", {}, h("a", { href: lesson.url }, lesson.title)))),
    );
    this.place.replaceChildren(facts, course, this.card(this.line.element, ...this.way(of)), privacy(of));
  }

  private card(...content: HTMLElement[]): HTMLElement {
    return h("div", { class: "lab-room__card" }, ...content);
  }

  private way(of: Invitation): HTMLElement[] {
    if (of.name !== null) return this.inside(of, of.name);
    if (of.state === "open" && of.free > 0) {
      const note = "Others in the class don’t see it. It need not be your real name.";
      return [form(() => this.join(of), field("Your name in this class", this.name, note), h("div", { class: "lab-room__row" }, submit("Join")))];
    }
    const why = {
      open: `Every seat is taken. You get in as soon as one is free: this page looks again by itself.`,
      planned: "The class is not open yet. You get in as soon as it is: this page looks again by itself.",
      closed: "The class is closed. If its instructor opens it again, you get in here.",
      archived: "The class is over.",
    }[of.state];
    this.line.say(why);
    return [];
  }

  private inside(of: Invitation, name: string): HTMLElement[] {
    this.name.value = name;
    const first = of.lessons[0];
    const start = first ? [h("a", { class: "lab-button lab-button--main", href: first.url }, `Start with ${first.title}`)] : [];
    const leave = button("Leave the class…", () => void this.leave(of), { class: "lab-button lab-room__danger" });
    return [
      h("p", { class: "lab-room__in" }, "You are in as ", h("b", {}, name), "."),
      h("div", { class: "lab-room__row" }, ...start, leave),
      h("details", {}, h("summary", {}, "Take another name"), form(() => this.join(of), field("Your name in this class", this.name), h("div", { class: "lab-room__row" }, submit("Change it")))),
    ];
  }

  private async join(of: Invitation): Promise<void> {
    const joined = await this.line.attempt(() => rooms.join(of.code, this.name.value));
    if (!joined) {
      this.name.focus();
      return;
    }
    this.changed();
    await this.look();
    this.line.say(of.name === null ? "Welcome." : "Your name is changed.");
    this.place.querySelector<HTMLElement>("a.lab-button--main")?.focus();
  }

  private async leave(of: Invitation): Promise<void> {
    if (!(await confirmDialog(`Leave ${of.title}?`, "What you did stays yours, and nobody in the class sees it any more. With the code you can join again.", "Leave", true))) return;
    if ((await this.line.attempt(async () => (await rooms.leave(of.id), true))) === null) return;
    this.changed();
    await this.look();
    this.line.say("You have left the class.");
  }
}
