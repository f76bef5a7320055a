/* The classes that the learner is in, those that are over too: what is seen of them there, and leaving. Loaded when it is first opened. */

import { type Membership, type Recording, rooms } from "./classes-api";
import { day } from "./codes";
import { confirmDialog } from "./dialog";
import { button, h, iconButton } from "./dom";
import { answerRecording } from "./bar-recording";
import { lasted, moment, sized } from "./recording-words";
import { chipOf, Line, playRecording, privacy, roomStyle } from "./room-parts";
import { STATES } from "./class-words";

const OVER = "Your lesson pages show nothing of these any more. Those who ran them still see what is told below, until you leave.";

/** `changed` is called when the learner has left one. */
export function openClasses(changed: () => void): void {
  roomStyle();
  const line = new Line();
  const body = h("div", {}, h("p", {}, "…"));
  const close = iconButton("close", "Close", () => dialog.close());
  const dialog = h(
    "dialog",
    { class: "lab-dialog lab-mine lab-classes", "aria-labelledby": "lab-classes-title" },
    h("div", { class: "lab-mine__head" }, h("h2", { id: "lab-classes-title" }, "My classes"), close),
    body,
    line.element,
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();

  const show = async (): Promise<void> => {
    const told = await line.attempt(() => rooms.memberships());
    if (!told) return;
    if (!told.classes.length) return body.replaceChildren(h("p", {}, "You are in no class."));
    const over = told.classes.filter((of) => of.state === "archived");
    const now = told.classes.filter((of) => of.state !== "archived");
    const past = over.length ? [h("h3", { class: "lab-classes__over" }, "Over"), h("p", {}, OVER), ...over.map((of) => section(of, "h4"))] : [];
    body.replaceChildren(...now.map((of) => section(of, "h3")), ...past, h("section", {}, privacy(told)));
  };
  const section = (of: Membership, heading: "h3" | "h4"): HTMLElement =>
    h(
      "section",
      {},
      h(heading, {}, of.title, " ", ...(of.state === "archived" ? [] : [chipOf(of.state, STATES[of.state])])),
      h("p", {}, "You are in as ", h("b", {}, of.name), `, since ${day(of.joined)}.`),
      ...recorded(of),
      h("div", { class: "lab-mine__row" }, button("Leave this class…", () => void go(of), { class: "lab-button lab-mine__delete" })),
    );
  /** What the learner decides about recordings, where there is something to decide. */
  const recorded = (of: Membership): HTMLElement[] => {
    const { asked, consented, kept } = of.recording;
    const act = (label: string, what: () => Promise<unknown>, words: string): HTMLElement => {
      const press = async (): Promise<void> => {
        if ((await line.attempt(async () => (await what(), true))) === null) return;
        await show();
        line.say(words);
        close.focus();
      };
      return button(label, () => void press(), { class: "lab-button" });
    };
    const acts: HTMLElement[] = [];
    if (asked) acts.push(consented ? act("Stop recording", () => answerRecording(of.id, false), "Nothing more is recorded.") : act("Agree to the recording", () => answerRecording(of.id, true), "What your terminals print is recorded from now on."));
    if (kept) acts.push(act(kept === 1 ? "Delete my recording" : `Delete my ${kept} recordings`, () => rooms.forgetRecordings(of.id), "Your recordings are deleted."));
    if (!acts.length) return [];
    const own = kept ? [listed(of)] : [];
    const words = asked ? (consented ? "Your terminals are recorded for this class: what they print, your commands among it." : "This class asks to record your terminals: what they print, your commands among it.") : "There are recordings of your terminals.";
    return [h("p", {}, words), ...own, h("div", { class: "lab-mine__row" }, ...acts)];
  };
  /** The learner's own recordings, looked up when they are opened. */
  const listed = (of: Membership): HTMLElement => {
    const list = h("ul", { class: "lab-room__signins" });
    const made = h("details", { class: "lab-classes__tapes" }, h("summary", {}, of.recording.kept === 1 ? "My recording" : `My ${of.recording.kept} recordings`), list);
    const open = async (): Promise<void> => {
      const found = await line.attempt(() => rooms.myRecordings(of.id));
      if (found) list.replaceChildren(...found.map((one) => tape(of, one)));
    };
    made.addEventListener("toggle", () => made.open && void open());
    return made;
  };
  const tape = (of: Membership, one: Recording): HTMLElement => {
    const title = `${one.session}, ${moment(one.begun)}`;
    const watch = (): void => void playRecording(line, `${of.title}: ${title}`, rooms.myCast(of.id, one.id));
    return h("li", {}, h("span", {}, h("b", {}, one.session), `, ${moment(one.begun)}, ${lasted(one)}, ${sized(one.bytes)}`), button("Play", watch, { class: "lab-button", "aria-label": `Play ${title}` }));
  };
  const go = async (of: Membership): Promise<void> => {
    const again = of.state === "archived" ? "You can join again only if its instructor opens it again." : "With the code you can join again.";
    if (!(await confirmDialog(`Leave ${of.title}?`, `What you did stays yours, and nobody in the class sees it any more. ${again}`, "Leave", true))) return;
    if ((await line.attempt(async () => (await rooms.leave(of.id), true))) === null) return;
    await show();
    line.say("You have left the class.");
    close.focus();
    changed();
  };
  void show();
}
