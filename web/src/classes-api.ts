/* The server's calls about classes and signing in, as docs/develop/protocol.md has them. Knows paths and shapes. */

import { call, type Count } from "./api";

export type State = "planned" | "open" | "closed" | "archived";

export interface Account {
  id: string;
  name: string;
  admin: boolean;
}

export interface Signin {
  account: Account | null;
  possible: boolean; // false: there is no account yet
}

export interface SigninKept {
  id: string;
  agent: string;
  made: number;
  seen: number;
  expires: number;
  here: boolean;
}

/** Times are seconds since the epoch; null: there is no such time. */
export interface ClassOut {
  id: string;
  title: string;
  lessons: string[]; // none: the whole course
  code: string;
  link: string;
  seats: number;
  learners: number;
  opens: number | null;
  closes: number | null;
  state: State;
  role: "admin" | "instructor" | "assistant";
  made: number;
  version: number;
  limits: Limits;
  staff: { account: string; name: string; role: "instructor" | "assistant" }[];
}

/** Of the sandboxes of a class's learners, in minutes and times; null: as everywhere on this server. */
export interface Limits {
  limit: number | null;
  idle: number | null;
  extensions: number | null;
  record: boolean; // learners are asked for a recording
}

export interface ClassFields {
  title: string;
  lessons: string[];
  seats: number;
  opens: number | null;
  closes: number | null;
  limits: Limits;
}

export interface LessonName {
  id: string;
  title: string;
  url: string;
}

export interface Part {
  done: { steps: Count; tasks: Count; questions: Count; predictions: Count };
  complete: boolean;
}

export interface Learner {
  id: string; // in this class
  name: string;
  joined: number;
  at: number | null; // last activity
  lessons: Record<string, Part>;
}

export interface Roster {
  lessons: LessonName[];
  learners: Learner[];
}

/** What those who run a class can see of a learner, and what not. */
export interface Privacy {
  seen: string[];
  unseen: string[];
}

export interface Membership {
  id: string;
  title: string;
  state: State;
  name: string;
  joined: number;
  recording: { asked: boolean; consented: boolean; kept: number };
}

/** What was recorded of a learner's terminal; `ended` is null while it goes on. */
export interface Recording {
  id: string;
  member: string;
  name: string;
  session: string;
  begun: number;
  ended: number | null;
  bytes: number;
}

/** What somebody who runs the class did to others in it. */
export interface Entry {
  at: number;
  account: string;
  by: string;
  act: string;
  member: string;
  name: string;
  detail: Record<string, unknown>;
}

export interface Invitation extends Privacy {
  id: string;
  title: string;
  state: State;
  code: string;
  opens: number | null;
  closes: number | null;
  free: number;
  lessons: LessonName[];
  name: string | null; // the learner's, where they are in
}

const at = (id: string): string => `/api/classes/${encodeURIComponent(id)}`;

export const rooms = {
  signin: () => call<Signin>("GET", "/api/signin"),
  signIn: (name: string, password: string) => call<Signin>("POST", "/api/signin", { name, password }),
  signOut: () => call<undefined>("DELETE", "/api/signin"),
  signins: () => call<SigninKept[]>("GET", "/api/signins"),
  endSignin: (id: string) => call<undefined>("DELETE", `/api/signins/${encodeURIComponent(id)}`),
  lessons: () => call<LessonName[]>("GET", "/api/lessons"),
  classes: () => call<ClassOut[]>("GET", "/api/classes"),
  make: (fields: ClassFields) => call<ClassOut>("POST", "/api/classes", fields),
  one: (id: string) => call<ClassOut>("GET", at(id)),
  change: (id: string, version: number, fields: Partial<ClassFields> & { state?: State }) => call<ClassOut>("PATCH", at(id), { version, ...fields }),
  remove: (id: string) => call<undefined>("DELETE", at(id)),
  newCode: (id: string, version: number) => call<ClassOut>("POST", `${at(id)}/code`, { version }),
  picture: (of: ClassOut) => `${at(of.id)}/qr.svg?code=${of.code}`,
  exported: (id: string, what: string) => `${at(id)}/export.${what}`,
  recordings: (id: string) => call<Recording[]>("GET", `${at(id)}/recordings`),
  cast: (id: string, recording: string) => `${at(id)}/recordings/${encodeURIComponent(recording)}.cast`,
  removeRecording: (id: string, recording: string) => call<undefined>("DELETE", `${at(id)}/recordings/${encodeURIComponent(recording)}`),
  log: (id: string) => call<Entry[]>("GET", `${at(id)}/audit`),
  agree: (id: string) => call<undefined>("PUT", `/api/memberships/${encodeURIComponent(id)}/recording`),
  withdraw: (id: string) => call<undefined>("DELETE", `/api/memberships/${encodeURIComponent(id)}/recording`),
  forgetRecordings: (id: string) => call<undefined>("DELETE", `/api/memberships/${encodeURIComponent(id)}/recordings`),
  roster: (id: string) => call<Roster>("GET", `${at(id)}/roster`),
  takeOut: (id: string, learner: string) => call<undefined>("DELETE", `${at(id)}/learners/${encodeURIComponent(learner)}`),
  putStaff: (id: string, name: string, role: string) => call<ClassOut>("POST", `${at(id)}/staff`, { name, role }),
  removeStaff: (id: string, account: string) => call<undefined>("DELETE", `${at(id)}/staff/${encodeURIComponent(account)}`),
  look: (code: string) => call<Invitation>("GET", `/api/join/${encodeURIComponent(code)}`),
  join: (code: string, name: string) => call<Membership>("POST", "/api/memberships", { code, name }),
  memberships: () => call<Privacy & { classes: Membership[] }>("GET", "/api/memberships"),
  leave: (id: string) => call<undefined>("DELETE", `/api/memberships/${encodeURIComponent(id)}`),
};
