/* The terminal that is seen: xterm.js, with what it may not do taken away.
   Knows xterm.js and its addons. Doesn't know sessions, sockets or the dock. Loaded only when a terminal opens. */

import { FitAddon } from "@xterm/addon-fit";
import { SearchAddon } from "@xterm/addon-search";
import { UnicodeGraphemesAddon } from "@xterm/addon-unicode-graphemes";
import { WebLinksAddon } from "@xterm/addon-web-links";
import { Terminal } from "@xterm/xterm";
import { copyText } from "./clipboard";
import { openLink } from "./links";
import type { Screen } from "./session";
import { terminalTheme } from "./theme";

export interface ScreenHooks {
  keys(data: string): void;
  bytes(data: Uint8Array): void;
  resized(cols: number, rows: number): void;
  used(): void; // it has the focus now
  leave(): void; // Esc Esc
  find(): void; // Ctrl+Shift+F
}

const ESC_TWICE_WITHIN = 500; // ms
const TITLE_MOST = 256; // characters
const FONT = '"DejaVu Mono"';
const FONT_SIZE = 13; // px
const SCROLLBACK = 5000; // lines
const FONTS_WITHIN = 3000; // ms; a terminal in the wrong font is better than none

export class XtermScreen implements Screen {
  title = "";
  private readonly term: Terminal;
  private readonly fitter = new FitAddon();
  private readonly search = new SearchAddon();
  private old = false;
  private taking = false; // another window's size is being taken
  private lastEscape = 0;

  constructor(
    private readonly name: string,
    private readonly hooks: ScreenHooks,
    reader: boolean,
  ) {
    this.term = new Terminal({
      allowProposedApi: true, // the graphemes addon needs it
      cols: 80,
      rows: 24,
      cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
      fontFamily: `${FONT}, ui-monospace, monospace`,
      fontSize: FONT_SIZE,
      lineHeight: 1.2,
      linkHandler: { activate: (_event, text) => void openLink(text), allowNonHttpProtocols: false },
      minimumContrastRatio: 4.5,
      screenReaderMode: reader,
      scrollback: SCROLLBACK,
      theme: terminalTheme(),
    });
    this.term.loadAddon(this.fitter);
    this.term.loadAddon(this.search);
    this.term.loadAddon(new UnicodeGraphemesAddon());
    this.term.loadAddon(new WebLinksAddon((_event, text) => void openLink(text)));
    this.term.onData((data) => hooks.keys(data));
    this.term.onBinary((data) => hooks.bytes(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    this.term.onResize(({ cols, rows }) => {
      if (!this.taking) hooks.resized(cols, rows);
    });
    this.term.onTitleChange((title) => {
      this.title = title.slice(0, TITLE_MOST);
    });
    this.term.attachCustomKeyEventHandler((event) => this.key(event));
    this.muzzle();
  }

  get cols(): number {
    return this.term.cols;
  }
  get rows(): number {
    return this.term.rows;
  }
  get bracketedPaste(): boolean {
    return this.term.modes.bracketedPasteMode;
  }

  async open(parent: HTMLElement): Promise<void> {
    const fonts = document.fonts.load(`${FONT_SIZE}px ${FONT}`).catch(() => []);
    await Promise.race([fonts, new Promise((late) => setTimeout(late, FONTS_WITHIN))]);
    this.term.open(parent);
    this.term.textarea?.addEventListener("focus", () => this.hooks.used());
    this.term.textarea?.setAttribute("aria-label", `Terminal ${this.name}. Press Escape twice to leave it.`);
    this.fit();
  }

  write(bytes: Uint8Array, shown: () => void): void {
    this.term.write(bytes, shown);
  }

  replaying(on: boolean): void {
    this.old = on;
  }

  size(cols: number, rows: number): void {
    this.taking = true;
    this.term.resize(cols, rows);
    this.taking = false;
  }

  fit(): void {
    const size = this.fitter.proposeDimensions();
    if (size && size.cols > 1 && size.rows > 0) this.fitter.fit();
  }

  focus(): void {
    this.term.focus();
  }

  restyle(): void {
    this.term.options.theme = terminalTheme();
  }

  /** It is taken off the page, with all that it holds. */
  dispose(): void {
    this.term.dispose();
  }

  setReader(on: boolean): void {
    this.term.options.screenReaderMode = on;
  }

  /** Go to the next (or previous) place where `text` stands; false where there is none. */
  find(text: string, back = false): boolean {
    return back ? this.search.findPrevious(text) : this.search.findNext(text);
  }

  /** What the screen and its scrollback hold, a string a line as wrapped lines are joined. */
  text(): string {
    const buffer = this.term.buffer.active;
    let text = "";
    for (let y = 0; y < buffer.length; y++) {
      const line = buffer.getLine(y);
      if (!line) continue;
      text += (y > 0 && !line.isWrapped ? "\n" : "") + line.translateToString(!buffer.getLine(y + 1)?.isWrapped);
    }
    return text.trimEnd();
  }

  private key(event: KeyboardEvent): boolean {
    if (event.type !== "keydown") return true;
    if (event.key === "Escape") {
      const twice = event.timeStamp - this.lastEscape < ESC_TWICE_WITHIN;
      this.lastEscape = twice ? 0 : event.timeStamp;
      if (twice) this.hooks.leave();
      return !twice;
    }
    this.lastEscape = 0;
    if (!event.ctrlKey || !event.shiftKey || event.altKey) return true;
    if (event.code === "KeyC") {
      event.preventDefault(); // the browser would open its developer tools
      if (this.term.hasSelection()) void copyText(this.term.getSelection()).then(() => this.term.focus());
      return false;
    }
    if (event.code === "KeyF") {
      event.preventDefault();
      this.hooks.find();
      return false;
    }
    return event.code !== "KeyV"; // the browser pastes; xterm.js takes the paste event
  }

  /** Nothing a program prints may reach the clipboard; no query out of a replay is answered as if by the learner. */
  private muzzle(): void {
    const parser = this.term.parser;
    const whileOld = (): boolean => this.old;
    parser.registerOscHandler(52, () => true);
    parser.registerOscHandler(133, () => true); // read by marks.ts
    for (const id of [
      { final: "c" },
      { prefix: ">", final: "c" },
      { prefix: "=", final: "c" },
      { final: "n" },
      { prefix: "?", final: "n" },
      { intermediates: "$", final: "p" },
      { prefix: "?", intermediates: "$", final: "p" },
      { prefix: ">", final: "q" },
      { final: "t" },
    ]) {
      parser.registerCsiHandler(id, whileOld);
    }
    parser.registerDcsHandler({ intermediates: "$", final: "q" }, whileOld);
    for (const colour of [4, 10, 11, 12]) {
      parser.registerOscHandler(colour, (data) => this.old && data.includes("?"));
    }
  }
}
