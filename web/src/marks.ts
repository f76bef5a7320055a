/* Finds the shell's own marks (OSC 133: A prompt begins, B prompt ends, C command starts, D;n it ended) in a
   terminal's bytes, with the absolute offset just behind each. Knows bytes; doesn't know screens, steps or sockets.
   A mark may be cut anywhere between two pieces; an endless OSC is let go after MAX_BODY bytes. */

export type Mark =
  | { kind: "A"; at: number }
  | { kind: "B"; at: number }
  | { kind: "C"; at: number }
  | { kind: "D"; at: number; exit: number | null };

const ESC = 0x1b;
const BEL = 0x07;
const BACKSLASH = 0x5c;
const BRACKET = 0x5d;
const CAN = 0x18;
const SUB = 0x1a;
const MAX_BODY = 256;
const PREFIX = "133;";

type State = "text" | "escape" | "body" | "body-escape";

export class MarkScanner {
  private state: State = "text";
  private body = "";

  /** Forget a sequence that was under way: the next bytes don't follow the last ones. */
  reset(): void {
    this.state = "text";
    this.body = "";
  }

  /** The marks that end in `bytes`, of which the first is at absolute offset `offset`. */
  push(bytes: Uint8Array, offset: number): Mark[] {
    const found: Mark[] = [];
    for (let i = 0; i < bytes.length; i++) {
      if (this.state === "text") {
        const next = bytes.indexOf(ESC, i);
        if (next === -1) break;
        i = next;
        this.state = "escape";
        continue;
      }
      const mark = this.step(bytes[i] as number, offset + i + 1);
      if (mark) found.push(mark);
    }
    return found;
  }

  private step(byte: number, at: number): Mark | null {
    if (this.state === "escape") {
      this.body = "";
      this.state = byte === BRACKET ? "body" : byte === ESC ? "escape" : "text";
      return null;
    }
    if (this.state === "body-escape" && byte !== BACKSLASH) {
      this.state = "escape"; // an ESC that ends no string starts another sequence
      return this.step(byte, at);
    }
    if (byte === BEL || this.state === "body-escape") {
      const mark = readMark(this.body, at);
      this.reset();
      return mark;
    }
    if (byte === ESC) this.state = "body-escape";
    else if (byte === CAN || byte === SUB) this.reset();
    else if (!this.keep(byte)) this.reset();
    return null;
  }

  /** False once this can't be a mark any more. */
  private keep(byte: number): boolean {
    this.body += String.fromCharCode(byte);
    const seen = Math.min(this.body.length, PREFIX.length);
    return this.body.length <= MAX_BODY && this.body.slice(0, seen) === PREFIX.slice(0, seen);
  }
}

function readMark(body: string, at: number): Mark | null {
  if (!body.startsWith(PREFIX)) return null;
  const [kind, status] = body.slice(PREFIX.length).split(";");
  if (kind === "A" || kind === "B" || kind === "C") return { kind, at };
  if (kind !== "D") return null;
  return { kind, at, exit: status !== undefined && /^\d{1,3}$/.test(status) ? Number(status) : null };
}
