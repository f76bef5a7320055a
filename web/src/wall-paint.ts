/* A terminal's screen, drawn small: text as text, colours as the site's palette has them. Knows xterm.js's buffer and a canvas.
   Doesn't know where bytes come from, nor when it is time to draw. */

import type { IBuffer, IBufferCell, ITheme } from "@xterm/xterm";

export const WIDTH = 480; // pixels of the canvas, shown at about half its size
export const HEIGHT = 288;
const EDGE = 4; // pixels around the text
const FONT = '"DejaVu Mono", ui-monospace, monospace';
const ADVANCE = 0.602; // width of a letter by the font's size
const LINE = 1.2; // height of a line by the font's size
const LARGEST = 15; // px

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "brightBlack", "brightRed", "brightGreen", "brightYellow", "brightBlue", "brightMagenta", "brightCyan", "brightWhite"] as const;
const STEPS = [0, 95, 135, 175, 215, 255];

/** A colour of the 256 by its number. */
export function indexed(n: number, theme: ITheme): string {
  const name = NAMES[n];
  if (name) return theme[name] ?? "#888";
  if (n >= 232) return `rgb(${[0, 0, 0].map(() => 8 + (n - 232) * 10).join(" ")})`;
  const cube = n - 16;
  return `rgb(${[Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((part) => STEPS[part] ?? 0).join(" ")})`;
}

const rgb = (n: number): string => `#${n.toString(16).padStart(6, "0")}`;

interface Look {
  front: string;
  back: string; // "" for the screen's own
}

function lookOf(cell: IBufferCell, theme: ITheme): Look {
  const front = cell.isFgDefault() ? "" : cell.isFgRGB() ? rgb(cell.getFgColor()) : indexed(cell.getFgColor(), theme);
  const back = cell.isBgDefault() ? "" : cell.isBgRGB() ? rgb(cell.getBgColor()) : indexed(cell.getBgColor(), theme);
  const own = { front: theme.foreground ?? "#888", back: theme.background ?? "#000" };
  return cell.isInverse() ? { front: back || own.back, back: front || own.front } : { front: front || own.front, back };
}

/** Size of the letters at which so much of a screen fits. */
export const fontSize = (cols: number, rows: number): number => Math.min(LARGEST, (WIDTH - 2 * EDGE) / cols / ADVANCE, (HEIGHT - 2 * EDGE) / rows / LINE);

/** How much of `all` columns or rows is drawn where `used` have something: in steps, so that the picture doesn't breathe. */
export const part = (used: number, all: number, least = 48, step = 16): number => Math.min(all, Math.max(least, least + Math.ceil((used - least) / step) * step));

/** How many columns and rows have something in them, the cursor included. */
function used(buffer: IBuffer, rows: number): [cols: number, rows: number] {
  let [wide, high] = [buffer.cursorX + 1, buffer.cursorY + 1];
  for (let y = 0; y < rows; y++) {
    const length = buffer.getLine(buffer.baseY + y)?.translateToString(true).length ?? 0;
    wide = Math.max(wide, length);
    if (length) high = Math.max(high, y + 1);
  }
  return [wide, high];
}

/** Draw the screen, as large as what is on it allows. */
export function paint(on: CanvasRenderingContext2D, buffer: IBuffer, cols: number, rows: number, theme: ITheme): void {
  const [some, lines] = used(buffer, rows);
  const size = fontSize(part(some, cols), part(lines, rows, 12, 6));
  const wide = size * ADVANCE;
  const high = size * LINE;
  on.resetTransform();
  on.fillStyle = theme.background ?? "#000";
  on.fillRect(0, 0, WIDTH, HEIGHT);
  on.translate(EDGE, EDGE);
  on.font = `${size}px ${FONT}`;
  on.textBaseline = "middle";
  const cell = buffer.getNullCell();
  for (let y = 0; y < rows; y++) {
    const line = buffer.getLine(buffer.baseY + y);
    if (!line) continue;
    let run = "";
    let from = 0;
    let front = "";
    const flush = (): void => {
      if (run.trim()) {
        on.fillStyle = front;
        on.fillText(run, from * wide, (y + 0.5) * high);
      }
      run = "";
    };
    for (let x = 0; x < cols; x++) {
      if (!line.getCell(x, cell) || cell.getWidth() === 0) continue;
      const chars = cell.isInvisible() ? "" : cell.getChars();
      const look = chars || !cell.isBgDefault() || cell.isInverse() ? lookOf(cell, theme) : null;
      if (look?.back) {
        flush();
        on.fillStyle = look.back;
        on.fillRect(x * wide, y * high, wide * cell.getWidth() + 0.5, high + 0.5);
      }
      const plain = chars.length === 1 && chars > " " && chars < "\x7f"; // of such the widths are sure
      if (run && (!look || look.front !== front || !plain)) flush();
      if (!look || !chars.trim()) continue;
      if (!run) from = x;
      front = look.front;
      run += chars;
      if (!plain) flush();
    }
    flush();
  }
  on.fillStyle = theme.cursor ?? "#888";
  on.globalAlpha = 0.6;
  on.fillRect(buffer.cursorX * wide, buffer.cursorY * high, wide, high);
  on.globalAlpha = 1;
}
