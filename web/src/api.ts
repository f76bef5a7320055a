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
  state: "starting" | "ready" | "failed" | "ended";
  lesson: string;
  driver: string;
  detail: string;
  since: number;
  place: number | null; // in the line of those who wait for one
  wait: number | null; // seconds until it is ready, about
  sessions: string[];
  ends_in: number | null; // seconds; null: it has no end
  ends_why: "" | "idle" | "limit";
  extendable: boolean;
  extension: number; // seconds that extending adds to the limit
}

export interface Me {
  learner: string;
  sandbox: Sandbox | null;
  host: Host;
}

/** What is promised is kept as docs/develop/protocol.md has it; answers are told only for what was picked. */
export interface StepDone {
  matches: boolean | null; // null: the page promises no output
  exit: number | null;
}

export interface PredictionDone {
  answer: string; // an option's id, or free text
  right: boolean | null; // null: kept, and not graded before its step has run
  holds?: string; // the option that the output made right; "" for free text
  why: string;
}

export interface QuizVerdict {
  right: boolean;
  options: Record<string, { right: boolean; why: string }>; // those picked and no others
  why: string;
  tries: number;
}

/** What is done, and how many there are. */
export type Count = [done: number, all: number];

export interface LessonProgress {
  steps: Record<string, StepDone>; // by "block/1"
  tasks: Record<string, { passed: boolean }>;
  predictions: Record<string, PredictionDone>;
  questions: Record<string, QuizVerdict & { picked: string[] }>;
  done: { steps: Count; tasks: Count; questions: Count; predictions: Count };
  complete: boolean;
  at: number | null; // seconds since the epoch
}

export interface Progress {
  lessons: Record<string, LessonProgress>;
  classes?: { id: string; title: string; state: string }[]; // where the learner is in
}

export interface TaskResult {
  task: string;
  passed: boolean;
  hint: string; // of a check that failed: what is missing, in a sentence
}

export interface StepEnded {
  lesson: string;
  block: string;
  step: number;
  exit: number | null;
  output: string;
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

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
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
  extend: (id: string) => call<Sandbox>("POST", `${at(id)}/extend`),
  /** `auto`: nobody asked, so it is no use of the sandbox. */
  check: (id: string, lesson: string, tasks: string[], auto: boolean) =>
    call<{ tasks: TaskResult[] }>("POST", `${at(id)}/check`, { lesson, tasks, auto }),
  hint: (id: string, lesson: string, task: string) => call<{ task: string; hint: string }>("POST", `${at(id)}/hint`, { lesson, task }),
  progress: () => call<Progress>("GET", "/api/progress"),
  stepEnded: (step: StepEnded) => call<{ matches: boolean | null; prediction: PredictionDone | null }>("POST", "/api/progress/steps", step),
  predict: (lesson: string, block: string, step: number, answer: string) =>
    call<PredictionDone>("POST", "/api/progress/predictions", { lesson, block, step, answer }),
  answer: (lesson: string, question: string, picked: string[]) => call<QuizVerdict>("POST", "/api/progress/answers", { lesson, question, picked }),
  code: () => call<{ code: string; expires: number | string }>("POST", "/api/me/code"),
  resume: (code: string) => call<{ learner: string; merged: number }>("POST", "/api/me/resume", { code }),
  forget: () => call<undefined>("DELETE", "/api/me"),
  exportPath: "/api/me/export",
};
