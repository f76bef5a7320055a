/* The server's HTTP calls that the page makes, as docs/develop/protocol.md has them.
   Knows: paths, shapes, and how failures look. Doesn't know what is done about them. */

export interface Capabilities {
  limits: boolean;
  disk_quota: boolean;
  nested_engine: boolean;
}

export interface Host {
  driver: string;
  reason: string;
  ready: boolean;
  detail: string;
  capabilities: Capabilities;
}

export interface Sandbox {
  id: string;
  state: "starting" | "ready" | "failed";
  lesson: string;
  driver: string;
  detail: string;
  since: number;
  sessions: string[];
}

export interface Me {
  learner: string;
  sandbox: Sandbox | null;
  host: Host;
}

/** A failure with words for the learner. `status` is 0 where no course server answered at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
  get words(): string {
    return `${this.message} ${this.remedy}`.trim();
  }
}

export const NO_SERVER = "no-server";

const NOBODY = new ApiError(
  0,
  NO_SERVER,
  "No course server answers here, so commands can’t run.",
  "You can copy them into a terminal of your own.",
);

/** A proxy's own words for a server that is away; any other answer that isn't JSON comes from a plain file server. */
const GATEWAY = new Set([500, 502, 503, 504]);

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw NOBODY;
  }
  if (response.status === 204) return undefined as T;
  if (!response.headers.get("content-type")?.includes("json")) throw GATEWAY.has(response.status) ? broken(response) : NOBODY;
  const data: unknown = await response.json().catch(() => null);
  if (response.ok && data !== null) return data as T;
  const error = (data as { error?: { code?: string; message?: string; remedy?: string } } | null)?.error;
  if (!error?.message) throw broken(response);
  throw new ApiError(response.status, error.code ?? "error", error.message, error.remedy ?? "");
}

const broken = (response: Response): ApiError =>
  new ApiError(response.status, "error", `The course server answered with status ${response.status}.`, "Try again.");

const at = (id: string): string => `/api/sandboxes/${encodeURIComponent(id)}`;

export const api = {
  me: () => call<Me>("GET", "/api/me"),
  start: (lesson: string) => call<Sandbox>("POST", "/api/sandboxes", { lesson }),
  sandbox: (id: string) => call<Sandbox>("GET", at(id)),
  reset: (id: string) => call<Sandbox>("POST", `${at(id)}/reset`),
  remove: (id: string) => call<undefined>("DELETE", at(id)),
};
