/* The terminal websocket's words: mirrors lab_server/web/protocol.py (docs/develop/protocol.md is the contract).
   Knows: message shapes, sizes, close codes. Doesn't know sockets, terminals or the page. */

export const ACK_EVERY = 65536; // bytes on the screen between two acks
export const MAX_BEHIND = 524288; // unacknowledged bytes at which the server stops reading a terminal
export const MAX_FRAME = 1048576; // bytes; the server closes with 1009 above it
export const MAX_COLUMNS = 1000;
export const MAX_ROWS = 500;

export const CLOSE_DONE = 1000; // the shell ended, as `exit` said
export const CLOSE_NOT_UNDERSTOOD = 4400;
export const CLOSE_NOT_SIGNED_IN = 4401;
export const CLOSE_FOREIGN_ORIGIN = 4403;
export const CLOSE_NOT_FOUND = 4404;
export const CLOSE_REPLACED = 4408;
export const CLOSE_NOT_READY = 4409;
export const CLOSE_ENDED = 4410;
export const CLOSE_TOO_MANY = 4429;
export const CLOSE_BROKEN = 4500;
export const CLOSE_TOO_BIG = 1009;
export const CLOSE_RESTARTING = 1012;

export const SERVER_MESSAGES = ["hello", "accepted", "gap", "size", "exit", "pong", "lease", "presented"] as const;
export const CLIENT_MESSAGES = ["resize", "ack", "ping"] as const;

/** A client does not reconnect by itself after these. */
export const FINAL_CLOSE_FIRST = 4400;
export const FINAL_CLOSE_LAST = 4410;

export interface Hello {
  type: "hello";
  terminal: string;
  output: number; // absolute offset of the next byte to come
  end: number | null; // where the replay ends; null from a server that doesn't say
  input: number; // input bytes of this client that the shell has been given
}

/** When the sandbox ends: `ends_in` seconds from now, or not soon (null). */
export interface LeaseNotice {
  ends_in: number | null;
  ends_why: string; // "idle", "limit", or ""
  extendable: boolean;
  extension: number; // seconds that extending adds; 0 where no limit ends it
}

export type ServerMessage =
  | Hello
  | { type: "accepted"; input: number }
  | { type: "gap"; output: number }
  | { type: "size"; cols: number; rows: number }
  | { type: "exit"; code: number | null; reason: string }
  | { type: "pong" }
  | ({ type: "lease" } & LeaseNotice)
  | { type: "presented"; to: Presented[] };

/** A session of the sandbox that a class is shown, live. */
export interface Presented {
  session: string;
  id: string; // the class's
  title: string;
}

export type ClientMessage =
  | { type: "resize"; cols: number; rows: number }
  | { type: "ack"; output: number }
  | { type: "ping" };

const isSeconds = (value: unknown): value is number => Number.isFinite(value) && (value as number) >= 0;
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A text frame as a message, or null where it is none that this page knows. */
export function parseServerMessage(text: string): ServerMessage | null {
  let raw: Record<string, unknown>;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return null;
    raw = value as Record<string, unknown>;
  } catch {
    return null;
  }
  const { type, terminal, output, end, input, cols, rows, code, reason, ends_in, ends_why, extendable, extension, to } = raw;
  switch (type) {
    case "hello":
      if (!isCount(output) || !isCount(input)) return null;
      return {
        type,
        terminal: String(terminal ?? ""),
        output,
        end: isCount(end) ? Math.max(end, output) : null,
        input,
      };
    case "accepted":
      return isCount(input) ? { type, input } : null;
    case "gap":
      return isCount(output) ? { type, output } : null;
    case "size":
      if (!isCount(cols) || !isCount(rows)) return null;
      return { type, cols: clamp(cols, 1, MAX_COLUMNS), rows: clamp(rows, 1, MAX_ROWS) };
    case "exit":
      return {
        type,
        code: Number.isInteger(code) ? (code as number) : null,
        reason: typeof reason === "string" ? reason : "",
      };
    case "pong":
      return { type };
    case "lease":
      return {
        type,
        ends_in: isSeconds(ends_in) ? ends_in : null,
        ends_why: typeof ends_why === "string" ? ends_why : "",
        extendable: extendable === true,
        extension: isSeconds(extension) ? extension : 0,
      };
    case "presented":
      return { type, to: Array.isArray(to) ? to.filter(isPresented) : [] };
    default:
      return null;
  }
}

const isPresented = (one: unknown): one is Presented =>
  typeof one === "object" && one !== null && ["session", "id", "title"].every((name) => typeof (one as Record<string, unknown>)[name] === "string");

export const isFinalClose = (code: number): boolean => code >= FINAL_CLOSE_FIRST && code <= FINAL_CLOSE_LAST;

export const clamp = (value: number, low: number, high: number): number =>
  Number.isFinite(value) ? Math.min(high, Math.max(low, Math.round(value))) : low;

/** Path and query of a terminal's websocket; `output` only where the page has the bytes before it. */
export function terminalPath(
  sandbox: string,
  session: string,
  query: { cols: number; rows: number; client: string; output?: number | undefined; terminal?: string | undefined },
): string {
  const params = new URLSearchParams({
    cols: String(clamp(query.cols, 1, MAX_COLUMNS)),
    rows: String(clamp(query.rows, 1, MAX_ROWS)),
    client: query.client,
  });
  if (query.output !== undefined) {
    params.set("output", String(query.output));
    if (query.terminal) params.set("terminal", query.terminal); // another shell's bytes begin anew
  }
  return `/api/sandboxes/${encodeURIComponent(sandbox)}/terminals/${encodeURIComponent(session)}?${params}`;
}
