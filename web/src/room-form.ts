/* The form of a class, for a new one and for one that is changed. Knows the fields; the server judges them. */

import { ApiError } from "./api";
import { fromLocal, toLocal } from "./class-words";
import { type ClassFields, type ClassOut, type LessonName, rooms } from "./classes-api";
import { button, h, iconButton } from "./dom";
import { field, form, Line, submit } from "./room-parts";

/** `of`: the class to change, or null for a new one. `done` gets it as the server has it then. */
export async function openClassForm(of: ClassOut | null, done: (made: ClassOut) => void): Promise<void> {
  const line = new Line();
  const lessons = await rooms.lessons().catch((): LessonName[] => []);
  let version = of?.version ?? 0;
  const title = h("input", { type: "text", required: true, maxlength: "80", value: of?.title ?? "" });
  const seats = h("input", { type: "number", required: true, min: "1", max: "1000", value: String(of?.seats ?? 30) });
  const opens = h("input", { type: "datetime-local", value: toLocal(of?.opens ?? null) });
  const closes = h("input", { type: "datetime-local", value: toLocal(of?.closes ?? null) });
  const some = (value: number | null | undefined, least: string, most: string): HTMLInputElement =>
    h("input", { type: "number", min: least, max: most, step: "1", value: String(value ?? "") });
  const limit = some(of?.limits.limit, "10", "525600");
  const idle = some(of?.limits.idle, "10", "525600");
  const extensions = some(of?.limits.extensions, "0", "1000");
  const orNull = (input: HTMLInputElement): number | null => (input.value === "" ? null : input.valueAsNumber);
  const record = h("input", { type: "checkbox", "aria-describedby": "lab-record-hint" });
  record.checked = of?.limits.record ?? false;
  const chosen = new Set(of?.lessons ?? []);
  const boxes = lessons.map((lesson) => {
    const box = h("input", { type: "checkbox", value: lesson.id });
    box.checked = chosen.size === 0 || chosen.has(lesson.id);
    return box;
  });
  const picked = (): string[] => boxes.filter((box) => box.checked).map((box) => box.value);
  const fields = (): ClassFields => ({
    title: title.value,
    // without a list of lessons nothing was chosen anew
    lessons: !boxes.length ? (of?.lessons ?? []) : picked().length === boxes.length ? [] : picked(),
    seats: seats.valueAsNumber,
    opens: fromLocal(opens.value),
    closes: fromLocal(closes.value),
    limits: { limit: orNull(limit), idle: orNull(idle), extensions: orNull(extensions), record: record.checked },
  });

  const save = async (): Promise<void> => {
    if (boxes.length && !picked().length) {
      line.say("Choose at least one lesson.", true);
      return;
    }
    line.say("");
    try {
      const made = of ? await rooms.change(of.id, version, fields()) : await rooms.make(fields());
      dialog.close();
      done(made);
    } catch (error) {
      if (of && error instanceof ApiError && error.status === 409) {
        const now = await rooms.one(of.id).catch(() => null);
        if (now) version = now.version;
        line.say("Somebody else changed this class meanwhile. Save again to put what is here in its place, or cancel to look first.", true);
      } else line.say(error instanceof ApiError ? error.words : "That did not work. Try again.", true);
    }
  };

  const close = iconButton("close", "Close", () => dialog.close());
  const dialog = h(
    "dialog",
    { class: "lab-dialog lab-room__dialog", "aria-labelledby": "lab-class-form-title" },
    h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-class-form-title" }, of ? "Change the class" : "New class"), close),
    form(
      save,
      field("Title", title),
      h("fieldset", { class: "lab-room__pick" }, h("legend", {}, "Lessons"), ...lessons.map((lesson, n) => h("label", {}, boxes[n] as HTMLInputElement, " ", lesson.title))),
      field("Seats", seats, "Learners at the most"),
      h("div", { class: "lab-room__two" }, field("Opens", opens, "Left empty: at once"), field("Closes", closes, "Left empty: when you close it")),
      h(
        "fieldset",
        { class: "lab-room__limits" },
        h("legend", {}, "Sandboxes of its learners, while it is open"),
        h("div", { class: "lab-room__three" }, field("Minutes until the end", limit), field("Minutes unused", idle), field("Extensions", extensions)),
        h("p", { class: "lab-room__hint" }, "Left empty: as everywhere on this server. A class can have less than that, never more. No sandbox reaches a network or another sandbox, so there is nothing to limit there."),
      ),
      h(
        "div",
        { class: "lab-room__pick" },
        h("label", {}, record, " Ask learners to have their terminals recorded"),
        h("span", { class: "lab-room__hint", id: "lab-record-hint" }, "What is printed, not what is typed. Each learner may say no, and change their mind at any time."),
      ),
      line.element,
      h("div", { class: "lab-dialog__buttons" }, button("Cancel", () => dialog.close(), { class: "lab-button" }), submit(of ? "Save" : "Make the class")),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  title.focus();
}
