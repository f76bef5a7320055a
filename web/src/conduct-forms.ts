/* The questions behind the room's tools: what is to be said, where everybody is to be, when it ends. Knows fields and dialogs; what is
   done with the answer is handed in, and may fail with words. */

import type { LessonPlaces } from "./classes-api";
import { button, h, iconButton } from "./dom";
import { form, Line, submit, wordsOf } from "./room-parts";

const LONGEST = 500; // characters of a message
const ENDS: [seconds: number, words: string][] = [
  [0, "now"],
  [60, "in 1 minute"],
  [300, "in 5 minutes"],
  [600, "in 10 minutes"],
  [900, "in 15 minutes"],
  [1800, "in 30 minutes"],
  [3600, "in an hour"],
];

let made = 0;

/** `send` gets the answer; the dialog stays, and says why, where it fails. */
function ask(title: string, act: string, fields: (Node | string)[], send: () => Promise<void>, focus: HTMLElement): void {
  const id = `lab-conduct-form-${++made}`;
  const line = new Line();
  const send_ = async (): Promise<void> => {
    line.say("");
    try {
      await send();
      dialog.close();
    } catch (error) {
      line.say(wordsOf(error), true);
    }
  };
  const dialog = h(
    "dialog",
    { class: "lab-dialog lab-room__dialog", "aria-labelledby": id },
    h("div", { class: "lab-mine__head" }, h("h2", { id }, title), iconButton("close", "Close", () => dialog.close())),
    form(send_, ...fields, line.element, h("div", { class: "lab-dialog__buttons" }, button("Cancel", () => dialog.close(), { class: "lab-button" }), submit(act))),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  focus.focus();
}

function labelled(label: string, input: HTMLTextAreaElement | HTMLSelectElement, hint = ""): HTMLElement {
  input.id = `lab-conduct-field-${++made}`;
  input.classList.add("lab-room__input");
  if (hint) input.setAttribute("aria-describedby", `${input.id}-hint`);
  return h("div", { class: "lab-room__field" }, h("label", { for: input.id }, label), input, hint ? h("span", { class: "lab-room__hint", id: `${input.id}-hint` }, hint) : "");
}

const option = (value: string, words: string): HTMLOptionElement => h("option", { value }, words);

export function askMessage(now: string, send: (text: string) => Promise<void>): void {
  const text = h("textarea", { required: true, maxlength: String(LONGEST), rows: "3" });
  text.value = now;
  ask("Message to everybody", "Show it", [labelled("Message", text, "On every learner’s page until you take it back, also for those who come later. Addresses become links.")], () => send(text.value), text);
}

/** `lessons`: the class's. */
export function askPlace(lessons: LessonPlaces[], now: { lesson: string; step: string } | null, send: (to: { lesson: string; step: string }) => Promise<void>): void {
  const lesson = h("select", {}, ...lessons.map((one) => option(one.id, one.title)));
  const step = h("select");
  const fill = (): void => {
    const of = lessons.find((one) => one.id === lesson.value);
    step.replaceChildren(
      option("", "The lesson as a whole"),
      ...(of?.blocks ?? []).map((block) =>
        h("optgroup", { label: block.caption || block.id }, ...block.steps.map((one) => option(`${block.id}/${one.n}`, `${one.n}. ${one.caption || firstLine(one.command)}`))),
      ),
      ...(of?.tasks.length ? [h("optgroup", { label: "Tasks" }, ...of.tasks.map((task) => option(task.name, task.title)))] : []),
    );
  };
  lesson.addEventListener("change", fill);
  if (now && lessons.some((one) => one.id === now.lesson)) lesson.value = now.lesson;
  fill();
  if (now && [...step.options].some((one) => one.value === now.step)) step.value = now.step;
  ask(
    "Everyone here",
    "Send everyone there",
    [labelled("Lesson", lesson), labelled("Step or task", step, "Learners get a link that leads there; the step is marked on their page.")],
    () => send({ lesson: lesson.value, step: step.value }),
    lesson,
  );
}

const firstLine = (command: string): string => (command.split("\n")[0] ?? "").slice(0, 60);

export function askPresent(sessions: string[], now: string, send: (session: string) => Promise<void>): void {
  const session = h("select", {}, ...sessions.map((one) => option(one, one)));
  if (sessions.includes(now)) session.value = now;
  ask("Present a terminal", "Present it", [labelled("Your terminal", session, "Learners see it live on their pages, and can’t type in it.")], () => send(session.value), session);
}

export function askEnd(send: (seconds: number) => Promise<void>): void {
  const when = h("select", {}, ...ENDS.map(([seconds, words]) => option(String(seconds), words)));
  when.value = "300";
  ask(
    "End the class",
    "End it",
    [labelled("It ends", when, "Learners see a countdown. At its end the class is closed, and their sandboxes end, unless they are in another class that is open. Their progress is kept. You can call it off before.")],
    () => send(Number(when.value)),
    when,
  );
}
