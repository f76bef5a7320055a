/* One terminal in the dock: its screen, its session, and what covers or underlines it when something is amiss.
   Knows session.ts, screen.ts, the sandbox watch. Doesn't know tabs, layout or blocks. */

import { clientId } from "./client-id";
import type { LinkState, World } from "./connection";
import { button, h } from "./dom";
import { FindBar } from "./find";
import { later } from "./later";
import { paused } from "./paused";
import {
  CLOSE_ENDED,
  CLOSE_FOREIGN_ORIGIN,
  CLOSE_NOT_FOUND,
  CLOSE_NOT_READY,
  CLOSE_NOT_SIGNED_IN,
  CLOSE_REPLACED,
  terminalPath,
} from "./protocol";
import type { SandboxView, SandboxWatch } from "./sandbox";
import { XtermScreen } from "./screen";
import { Session, type SessionEvents } from "./session";
import { openSocket } from "./socket";

const FOREIGN = "This terminal has the size of another window where it is in use.";
const NOTE_FOR = 8000; // ms that a note is shown
const ASK_AFTER = 3; // failed tries in a row before the page asks whether the sandbox is still there

export class Panel {
  readonly element: HTMLElement;
  readonly session: Session;
  readonly screen: XtermScreen;
  private readonly cover = h("div", { class: "lab-cover", role: "status" });
  private readonly strip = h("div", { class: "lab-strip", role: "status" });
  private readonly still = h("p", { class: "lab-still", hidden: true });
  private readonly place = h("div", { class: "lab-xterm" });
  private readonly finder: FindBar;
  private readonly clock = h("span", { class: "lab-clock", "aria-hidden": "true" });
  private ticking: ReturnType<typeof setInterval> | undefined;
  private sandbox = "";
  private opened: Promise<void> | null = null;
  private noteTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly name: string,
    private readonly watch: SandboxWatch,
    private readonly lesson: () => string,
    leave: () => void,
    reader: boolean,
    activity: SessionEvents["activity"] & {},
    ended: SessionEvents["ended"] & {},
    lease: SessionEvents["lease"] & {},
    presented: SessionEvents["presented"] & {},
  ) {
    this.screen = new XtermScreen(
      name,
      {
        keys: (data) => this.session.keys(data),
        bytes: (data) => this.session.connection.input(data),
        resized: (cols, rows) => this.session.resize(cols, rows),
        used: () => this.session.claim(),
        leave,
        find: () => this.finder.open(),
      },
      reader,
    );
    this.session = new Session(name, this.world(), this.screen, {
      link: (state) => this.link(state),
      exit: (code, reason) => this.exit(code, reason),
      note: (text) => this.note(text),
      foreign: (on) => this.foreign(on),
      activity,
      ended,
      lease,
      presented,
    });
    this.finder = new FindBar(this.screen);
    const heading = h("div", { class: "lab-panel__name", "aria-hidden": "true" }, h("span", { class: "lab-session", "data-session": name }, name));
    this.element = h(
      "div",
      { class: "lab-panel", id: `lab-panel-${name}`, role: "tabpanel", "aria-labelledby": `lab-tab-${name}` },
      heading,
      this.finder.element,
      h("div", { class: "lab-panel__body" }, this.place, this.still, this.strip, this.cover),
    );
    watch.subscribe((view) => this.sandboxIs(view));
    paused.subscribe((by) => this.pausedBy(by));
  }

  /** A connected terminal, or on its way there. Throws ApiError when there is no sandbox to be had. */
  async connect(): Promise<void> {
    const id = await this.watch.ensure(this.lesson());
    this.opened ??= this.screen.open(this.place);
    await this.opened;
    if (this.sandbox !== id) {
      this.session.connection.close();
      this.sandbox = id;
    }
    this.session.connection.open();
  }

  /** The sandbox under it is going away: keep the screen, drop the connection. */
  disconnect(): void {
    this.session.connection.close();
    this.sandbox = "";
  }

  showFind(): void {
    this.finder.open();
  }

  /** A key from the bar under the terminal. */
  press(keys: string): void {
    this.session.keys(keys);
  }

  fit(): void {
    if (this.opened && this.element.offsetParent) this.screen.fit();
  }

  private world(): World {
    return {
      open: (output, terminal) => {
        const { cols, rows } = this.screen;
        return openSocket(terminalPath(this.sandbox, this.name, { cols, rows, client: clientId, output, terminal }));
      },
      later,
      random: Math.random,
    };
  }

  private sandboxIs(view: SandboxView): void {
    if (view.name === "starting") {
      this.disconnect();
      const words = h("p", {}, h("strong", {}, "Sandbox starting…"), " ", this.clock, h("br"), view.detail);
      this.coverWith(h("span", { class: "lab-spinner", "aria-hidden": "true" }), words);
      this.tick(view.since);
    } else if (view.name === "failed") {
      this.coverWith(h("p", {}, h("strong", {}, "No sandbox."), h("br"), view.words), this.act("Try again", () => this.connect()));
    } else if (view.name === "ended") {
      this.disconnect();
      this.say();
      const words = h("p", {}, h("strong", {}, "Your sandbox has ended."), h("br"), view.words);
      this.coverWith(words, this.act("Start a new one", () => this.connect()));
    } else if (view.name === "ready") this.coverWith();
  }

  private pausedBy(by: string | null): void {
    this.element.toggleAttribute("data-paused", by !== null);
    this.still.hidden = by === null;
    this.still.textContent = by === null ? "" : `Paused by ${by}. Everything in here stands still, and goes on as it was.`;
    this.session.hold(by === null ? "" : `your class is paused by ${by}.`);
    if (by !== null) return;
    if (this.strip.textContent?.includes("paused by")) this.say();
    if (this.session.connection.state.name === "waiting") this.session.connection.open(); // a new terminal can be had again
  }

  private link(state: LinkState): void {
    this.element.dataset.link = state.name;
    if (state.name === "open") {
      this.say();
      this.coverWith();
    } else if (state.name === "connecting" && !this.strip.textContent) this.say("Connecting…");
    else if (state.name === "waiting" && paused.by !== null) this.say(`While your class is paused by ${paused.by}, no terminal can be opened.`);
    else if (state.name === "waiting") {
      this.say("Connection lost. Trying again…", this.act("Try now", async () => this.session.connection.open()));
      if (state.attempt % ASK_AFTER === 0) void this.askAfterSandbox();
    } else if (state.name === "closed") this.closed(state.code, state.reason);
  }

  private closed(code: number, reason: string): void {
    if (code === CLOSE_ENDED || code === CLOSE_NOT_FOUND || code === CLOSE_NOT_READY) {
      if (code === CLOSE_NOT_READY) {
        this.watch.doubt();
        void this.connect().catch(() => {}); // what went wrong is shown by sandboxIs
        return;
      }
      this.ended(reason);
    } else if (code === CLOSE_REPLACED) {
      this.say(reason || "This terminal went on in another window.", this.act("Take it back", () => this.connect()));
    } else if (code === CLOSE_NOT_SIGNED_IN || code === CLOSE_FOREIGN_ORIGIN) {
      this.say("The server doesn’t know you any more.", this.act("Reload the page", async () => location.reload()));
    } else if (!this.strip.textContent) this.say(reason || "The terminal was closed.", this.act("Open it again", () => this.connect()));
  }

  private exit(code: number | null, reason: string): void {
    const words = reason || `The shell ended${code === null ? "" : ` with exit status ${code}`}.`;
    this.say(words, this.act("New shell", () => this.connect()));
  }

  /** Somebody who can't get through may have lost more than the line. */
  private async askAfterSandbox(): Promise<void> {
    if (!this.sandbox || !(await this.watch.gone(this.sandbox))) return;
    this.session.connection.close();
    this.ended("It is not there any more.");
  }

  private ended(reason: string): void {
    const { sandbox } = this;
    this.watch.ended(reason); // every terminal says so, this one too
    if (sandbox) void this.watch.explain(sandbox);
  }

  private foreign(on: boolean): void {
    this.place.classList.toggle("lab-xterm--foreign", on);
    if (on) this.say(FOREIGN, this.act("Use this one", async () => this.session.claim()));
    else if (this.strip.textContent?.startsWith(FOREIGN)) this.say();
  }

  private note(text: string): void {
    clearTimeout(this.noteTimer);
    this.say(text);
    this.noteTimer = setTimeout(() => {
      if (this.strip.textContent === text) this.say();
    }, NOTE_FOR);
  }

  private say(...content: (Node | string)[]): void {
    this.strip.replaceChildren(...content);
  }

  /** Seconds, for the eyes: a screen reader would have to hear each. */
  private tick(since: number): void {
    const tell = (): void => {
      const seconds = Math.round((performance.now() - since) / 1000);
      this.clock.textContent = seconds < 1 ? "" : `${seconds} s`;
    };
    tell();
    this.ticking = setInterval(tell, 1000);
  }

  private coverWith(...content: Node[]): void {
    clearInterval(this.ticking);
    this.cover.replaceChildren(...content);
    this.element.classList.toggle("lab-panel--covered", content.length > 0);
  }

  private act(label: string, call: () => Promise<void>): HTMLButtonElement {
    return button(label, () => void call().then(() => this.screen.focus(), () => {}), { class: "lab-button lab-button--main" });
  }
}
