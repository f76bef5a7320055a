/* What there is of a class afterwards: files to take along, recordings, the log of what those who run it did. Each is looked up when it
   is opened. Knows the calls; what they mean in words is below, pure. */

import { type Entry, type Recording, rooms } from "./classes-api";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import { lasted, moment, sized } from "./recording-words";
import { type Line, playRecording } from "./room-parts";

const FILES = [
  ["csv", "Learners (CSV)", "how far each is in each lesson, for a spreadsheet"],
  ["csv?what=questions", "Quiz answers (CSV)", "what each picked, right or wrong, after how many tries"],
  ["json", "Everything (JSON)", "for programs of your own"],
  ["xapi.json", "Statements (xAPI)", "for a learning record store"],
] as const;

/** What was done, in words that follow a name: `took out a learner`. */
export function actWords(entry: Pick<Entry, "act" | "member" | "name" | "detail">): string {
  const whom = entry.name || (entry.member ? "a learner who is no longer here" : "");
  const of = whom.endsWith("s") ? `${whom}’` : `${whom}’s`;
  switch (entry.act) {
    case "watched":
      return `watched ${of} terminal`;
    case "typed":
      return `typed in ${of} terminal`;
    case "reset":
      return entry.detail.failed ? `could not reset ${of} sandbox: nothing was done` : `reset ${of} sandbox`;
    case "removed":
      return `took ${entry.name || "a learner"} out`;
    case "deleted":
      return entry.detail.recording ? `deleted a recording of ${whom}` : "deleted the class";
    case "paused":
      return entry.detail.on === false ? "let everybody go on" : "paused everybody";
    case "ended":
      return entry.detail.called_off ? "called the end of the class off" : "ended the class";
    case "exported":
      return `took a file along (${String(entry.detail.form ?? "")})`;
    case "played":
      return `played a recording of ${whom}`;
    default:
      return entry.act;
  }
}

export class After {
  private readonly recorded = h("div", {});
  private readonly logged = h("div", {});
  private readonly log = this.part("Log", this.logged, () => this.showLog());
  private readonly recordings = this.part("Recordings", this.recorded, () => this.showRecordings());
  private mayChange = false;
  readonly element: HTMLElement;

  constructor(
    private readonly id: string,
    private readonly line: Line,
  ) {
    const files = FILES.map(([what, name, hint]) => h("li", {}, h("a", { href: rooms.exported(id, what), download: "" }, name), h("span", { class: "lab-room__hint" }, ` ${hint}`)));
    const warning = h("p", { class: "lab-room__hint" }, "These have what your learners did, under the names that they chose. Keep them as safe as the room. That you took one along is in the log.");
    const exported = h("details", {}, h("summary", {}, "Export"), h("div", {}, h("ul", { class: "lab-room__files" }, ...files), warning));
    this.element = h("section", { class: "lab-room__after", "aria-labelledby": "lab-after-title" }, h("h2", { id: "lab-after-title" }, "Afterwards"), exported, this.recordings, this.log);
  }

  show(mayChange: boolean): void {
    this.mayChange = mayChange;
    this.log.hidden = !mayChange; // it is about assistants too
  }

  private part(title: string, body: HTMLElement, open: () => Promise<void>): HTMLDetailsElement {
    const made = h("details", {}, h("summary", {}, title), body);
    made.addEventListener("toggle", () => made.open && void open());
    return made;
  }

  private async showRecordings(): Promise<void> {
    const found = await this.line.attempt(() => rooms.recordings(this.id));
    if (!found) return;
    if (!found.length) {
      this.recorded.replaceChildren(h("p", { class: "lab-room__empty" }, "There are none. Where the class asks for recordings (Change…), there is one of each terminal of learners who agree."));
      return;
    }
    const heads = ["Learner", "Terminal", "Begun", "Length", "Size"].map((words) => h("th", { scope: "col" }, words));
    this.recorded.replaceChildren(this.table("Recordings", [...heads, h("th", { scope: "col" }, h("span", { class: "lab-sr" }, "Play or delete"))], found.map((one) => this.recording(one))));
  }

  private recording(one: Recording): HTMLElement {
    const of = `${one.name}, ${one.session}, ${moment(one.begun)}`;
    const play = button("Play", () => void playRecording(this.line, of, rooms.cast(this.id, one.id)), { class: "lab-room__quiet", "aria-label": `Play ${of}` });
    const remove = button("Delete", () => void this.remove(one, of), { class: "lab-room__quiet", "aria-label": `Delete ${of}` });
    const cells = [one.session, moment(one.begun), lasted(one), sized(one.bytes)].map((words) => h("td", {}, words));
    return h("tr", {}, h("th", { scope: "row" }, h("bdi", {}, one.name)), ...cells, h("td", {}, play, ...(this.mayChange ? [" ", remove] : [])));
  }

  private async remove(one: Recording, of: string): Promise<void> {
    if (!(await confirmDialog("Delete this recording?", `${of}: it is gone for good.`, "Delete", true))) return;
    if ((await this.line.attempt(async () => (await rooms.removeRecording(this.id, one.id), true))) === null) return;
    await this.showRecordings();
    this.line.say("The recording is deleted.");
    this.recordings.querySelector("summary")?.focus();
  }

  private async showLog(): Promise<void> {
    const found = await this.line.attempt(() => rooms.log(this.id));
    if (!found) return;
    if (!found.length) {
      this.logged.replaceChildren(h("p", { class: "lab-room__empty" }, "Nothing yet. Here is written who took files along, played or deleted recordings, took learners out, reset or paused sandboxes."));
      return;
    }
    const rows = found.map((entry) => h("tr", {}, h("td", { class: "lab-room__ago" }, moment(entry.at)), h("th", { scope: "row" }, h("bdi", {}, entry.by)), h("td", {}, actWords(entry))));
    this.logged.replaceChildren(this.table("Log", ["When", "Who", "What"].map((words) => h("th", { scope: "col" }, words)), rows));
  }

  private table(name: string, heads: HTMLElement[], rows: HTMLElement[]): HTMLElement {
    const table = h("table", { class: "lab-room__roster" }, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
    return h("div", { class: "lab-room__scroll", role: "region", tabindex: "0", "aria-label": name }, table);
  }
}
