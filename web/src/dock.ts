/* The terminals' place on the page: tabs, layout, tools. It hangs off <body>, so that instant navigation leaves it and
   its connections alone. Knows panels and the sandbox watch. Doesn't know blocks. Loaded with xterm.js, on first use. */

import type { Countdown } from "./countdown";
import { confirmDialog } from "./dialog";
import { h, iconButton, relabel } from "./dom";
import { keyBar } from "./keybar";
import { type Layout, readLayout, sideShown } from "./layout";
import { Panel } from "./panel";
import { Presenting } from "./presenting";
import { describeSeparator, separator } from "./resize";
import type { SandboxWatch } from "./sandbox";
import type { RunResult } from "./session";
import { recall, remember } from "./store";
import { Tabs } from "./tabs";
import { terminalTheme, watchPalette } from "./theme";

export interface DockHooks {
  lesson(): string; // of the page that is open
  sessions(): string[]; // that page's
  hidden(): void;
  /** A terminal printed, or a command ended in it; `taken` while a program has it. */
  activity(session: string, what: "output" | "ended", taken: boolean): void;
  ended(exit: number | null): void;
}

const WIDE = "(min-width: 60em)";
const DEFAULT_SESSION = "host";

export class Dock {
  private readonly panels = new Map<string, Panel>();
  private readonly body = h("div", { class: "lab-dock__body", id: "lab-dock-body" });
  private readonly tabs = new Tabs((name, enter) => this.select(name, enter));
  private readonly grip = separator(
    () => ({ layout: this.layout, side: this.side }),
    (layout) => this.change(layout),
  );
  private readonly tools = {
    split: iconButton("split", "", () => this.change({ ...this.layout, split: !this.layout.split })),
    side: iconButton("right", "", () => this.change({ ...this.layout, side: this.layout.side === "right" ? "bottom" : "right" })),
    find: iconButton("find", "Find in the terminal (Ctrl+Shift+F)", () => this.panels.get(this.current)?.showFind()),
    reader: iconButton("reader", "", () => this.toggleReader()),
    reset: iconButton("reset", "Reset the sandbox…", () => void this.reset()),
    hide: iconButton("close", "Hide the terminals", () => this.hide()),
  };
  private readonly element = h(
    "aside",
    { class: "lab-dock", "aria-label": "Terminals", hidden: true },
    this.grip,
    h("div", { class: "lab-dock__head" }, this.tabs.element, h("div", { class: "lab-tools", role: "toolbar", "aria-label": "Terminal tools" }, ...Object.values(this.tools))),
    this.body,
    keyBar((keys) => this.panels.get(this.current)?.press(keys)),
  );
  private readonly presenting = new Presenting();
  private readonly wide = matchMedia(WIDE);
  private layout: Layout = readLayout(recall("layout", {}));
  private current = "";

  constructor(
    private readonly watch: SandboxWatch,
    private readonly hooks: DockHooks,
    private readonly countdown: Countdown,
  ) {
    this.body.before(this.presenting.element);
    document.body.append(this.element);
    watch.subscribe((view) => {
      if (view.name === "ready") return;
      this.countdown.clear();
      this.presenting.told([]);
    });
    this.wide.addEventListener("change", () => this.arrange());
    new ResizeObserver(() => this.fit()).observe(this.body);
    watchPalette(() => {
      this.element.style.setProperty("--lab-term-bg", terminalTheme().background ?? "");
      for (const panel of this.panels.values()) panel.screen.restyle();
    });
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hurry());
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  /** A terminal is connected. */
  get connected(): boolean {
    return [...this.panels.values()].some(({ session }) => session.connection.state.name === "open");
  }

  /** Show the dock as it was, where nothing is to be started: its panels say why. */
  reveal(session: string): void {
    this.offer();
    this.current = session || this.hooks.sessions()[0] || DEFAULT_SESSION;
    this.panel(this.current);
    this.element.hidden = false;
    this.arrange();
  }

  /** Show the dock with this session's terminal; resolves once it is connecting. Throws ApiError. */
  async show(session = this.current || this.hooks.sessions()[0] || DEFAULT_SESSION, enter = false): Promise<Panel> {
    this.offer();
    const panel = this.panel(session);
    this.current = session;
    this.element.hidden = false;
    this.arrange();
    const connected = panel.connect();
    this.fillSplit();
    await connected;
    panel.fit();
    if (enter) panel.screen.focus();
    return panel;
  }

  hide(): void {
    this.element.hidden = true;
    this.arrange();
    this.hooks.hidden();
  }

  /** Type a step and wait for its end. Throws ApiError when there is no sandbox for it. */
  async run(session: string, command: string, signal: AbortSignal, typed: () => void): Promise<RunResult> {
    const panel = await unless(signal, this.show(session));
    return panel ? panel.session.run(command, signal, typed) : { kind: "cancelled" };
  }

  /** Put a command on the session's line and give it the focus. Null when done. */
  async draft(session: string, command: string, signal: AbortSignal): Promise<RunResult | null> {
    const panel = await unless(signal, this.show(session, true));
    return panel ? panel.session.draft(command, signal) : { kind: "cancelled" };
  }

  interrupt(session: string): void {
    this.panels.get(session)?.session.interrupt();
  }

  /** All that a terminal shows, for tests and bug reports. */
  text(session: string): string {
    return this.panels.get(session)?.screen.text() ?? "";
  }

  /** Tabs for the sessions of the page that is open; those of other pages go unless a terminal is open there. */
  offer(): void {
    const wanted = this.hooks.sessions();
    for (const name of wanted) this.tabs.add(name);
    this.tabs.show(this.current);
  }

  private panel(name: string): Panel {
    let panel = this.panels.get(name);
    if (panel) return panel;
    const activity = (what: "output" | "ended", taken: boolean): void => this.hooks.activity(name, what, taken);
    const leave = (): void => this.tabs.focus(name);
    panel = new Panel(name, this.watch, this.hooks.lesson, leave, this.layout.reader, activity, this.hooks.ended, (notice) => this.countdown.told(notice), (to) => this.presenting.told(to));
    this.panels.set(name, panel);
    this.tabs.add(name);
    this.body.append(panel.element);
    return panel;
  }

  private select(name: string, enter: boolean): void {
    void this.show(name, enter).catch(() => {}); // the panel says what went wrong
  }

  private get side(): "bottom" | "right" {
    return sideShown(this.layout, this.wide.matches);
  }

  private change(layout: Layout): void {
    this.layout = layout;
    remember("layout", layout);
    this.arrange();
    if (this.open) this.fillSplit();
  }

  private get split(): boolean {
    return this.layout.split && this.wide.matches;
  }

  /** Side by side, every session of the page has a terminal. */
  private fillSplit(): void {
    if (!this.split) return;
    for (const name of this.hooks.sessions()) {
      const panel = this.panel(name);
      if (name !== this.current) void panel.connect().catch(() => {}); // the panel says what went wrong
    }
    this.arrange();
  }

  private arrange(): void {
    const { layout, side, split, open, tools } = this;
    const root = document.documentElement;
    root.classList.toggle("lab-dock-bottom", open && side === "bottom");
    root.classList.toggle("lab-dock-right", open && side === "right");
    root.style.setProperty("--lab-dock-size", side === "right" ? `${layout.right}vw` : `${layout.bottom}dvh`);
    this.element.classList.toggle("lab-dock--right", side === "right");
    this.element.classList.toggle("lab-dock--split", split);
    describeSeparator(this.grip, layout, side);
    tools.split.setAttribute("aria-pressed", String(split));
    relabel(tools.split, split ? "One terminal at a time" : "Terminals side by side");
    relabel(tools.side, side === "right" ? "Move to the bottom" : "Move to the right");
    tools.side.classList.toggle("lab-tool--bottom", side === "right");
    tools.reader.setAttribute("aria-pressed", String(layout.reader));
    relabel(tools.reader, "Screen-reader mode");
    this.tabs.show(this.current);
    for (const [name, panel] of this.panels) panel.element.hidden = !split && name !== this.current;
    const over = open ? this.body : null; // the bar is in the dock, or alone at the window's edge while that is hidden
    if (over) over.before(this.countdown.element);
    else document.body.append(this.countdown.element);
    remember("open", { dock: open, session: this.current }, "session");
    this.fit();
  }

  private fit(): void {
    requestAnimationFrame(() => {
      for (const panel of this.panels.values()) panel.fit();
    });
  }

  /** The network, or the learner, is back: don't wait out the pause. */
  private hurry(): void {
    for (const { session } of this.panels.values()) {
      if (session.connection.state.name === "waiting") session.connection.open();
    }
  }

  private toggleReader(): void {
    this.change({ ...this.layout, reader: !this.layout.reader });
    for (const panel of this.panels.values()) panel.screen.setReader(this.layout.reader);
  }

  private async reset(): Promise<void> {
    const sure = await confirmDialog(
      "Reset your sandbox?",
      "You get a new one. Every file, container and running program in this one is removed.",
      "Reset",
      true,
    );
    if (!sure) return;
    for (const panel of this.panels.values()) panel.disconnect();
    await this.watch.reset().catch(() => {}); // the panels say what went wrong
    for (const panel of this.panels.values()) {
      if (!panel.element.hidden) await panel.connect().catch(() => {});
    }
  }
}

/** What is promised, or null as soon as `signal` aborts. */
function unless<T>(signal: AbortSignal, promised: Promise<T>): Promise<T | null> {
  const aborted = new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null), { once: true }));
  return Promise.race([promised, aborted]);
}
