/* A terminal that is another's: shown as it is, in the size that it has. Nothing is typed there unless `may` is set, and no query that a
   program prints is answered from here. Knows the connection and the screen. Doesn't know whose terminal it is. */

import { clientId } from "./client-id";
import { Connection, type LinkState } from "./connection";
import { later } from "./later";
import { XtermScreen } from "./screen";
import { openSocket } from "./socket";
import { terminalTheme, watchPalette } from "./theme";

const encoder = new TextEncoder();
const CLEAR = encoder.encode("\x1bc");

export interface WatchEvents {
  state(state: LinkState): void;
  exit(reason: string): void;
  leave(): void; // Esc Esc
}

export class WatchTerminal {
  may = false;
  private readonly screen: XtermScreen;
  private readonly connection: Connection;
  private unwatch: (() => void) | null = null;
  private over = false;

  /** `path`: of the websocket, without a query. */
  constructor(name: string, path: string, events: WatchEvents) {
    const type = (data: Uint8Array): void => {
      if (this.may) this.connection.input(data);
    };
    this.screen = new XtermScreen(name, { keys: (data) => type(encoder.encode(data)), bytes: type, resized: () => {}, used: () => {}, leave: events.leave, find: () => {} }, false);
    this.screen.replaying(true); // for good: the learner's own page answers
    const query = (output: number | undefined, terminal: string | undefined): string => {
      const asked = new URLSearchParams({ cols: "80", rows: "24", client: clientId });
      if (output !== undefined) asked.set("output", String(output));
      if (output !== undefined && terminal) asked.set("terminal", terminal);
      return `${path}?${asked}`;
    };
    this.connection = new Connection(
      {
        open: (output, terminal) => openSocket(query(output, terminal)),
        later,
        random: Math.random,
      },
      {
        state: events.state,
        attached: (fresh) => fresh && this.screen.write(CLEAR, () => {}),
        data: (bytes, at) => this.screen.write(bytes, () => this.connection.shown(at + bytes.length)),
        gap: () => this.screen.write(CLEAR, () => {}),
        sized: (cols, rows) => this.screen.size(cols, rows),
        dropped: () => {},
        pong: () => {},
        lease: () => {},
        presented: () => {},
        exit: (_code, reason) => events.exit(reason),
      },
    );
  }

  /** What is around `place` gets the terminal's background (`--lab-term-bg`), also when the palette changes. */
  async open(place: HTMLElement): Promise<void> {
    await this.screen.open(place);
    if (this.over) return this.screen.dispose();
    const around = place.parentElement ?? place;
    this.unwatch = watchPalette(() => {
      around.style.setProperty("--lab-term-bg", terminalTheme().background ?? "");
      this.screen.restyle();
    });
    this.screen.size(80, 24); // until it is told the size
    this.connection.open();
  }

  focus(): void {
    this.screen.focus();
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    this.connection.close();
    if (!this.unwatch) return; // it isn't open yet, and sees to it then
    this.unwatch();
    this.screen.dispose();
  }
}
