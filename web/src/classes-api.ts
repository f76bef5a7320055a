/* The server's calls about classes and signing in, as docs/develop/protocol.md has them. Knows paths and shapes. */

import { call, type Count } from "./api";
import type { RoomState } from "./room-wire";

export type State = "planned" | "open" | "closed" | "archived";

export interface Account {
  id: string;
  name: string;
  admin: boolean;
}

export interface Signin {
  account: Account | null;
  possible: boolean; // false: there is no account yet
  provider: string | null; // its name, where one can sign in with it
}

/** What the account is connected with at the organisation's provider. */
export interface Identity {
  id: string;
  email: string;
  made: number;
  used: number | null;
}

export interface PasskeyKept {
  id: string;
  name: string;
  made: number; // seconds since the epoch
  used: number | null;
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

/** A lesson with the places in it where everybody can be sent. */
export interface LessonPlaces extends LessonName {
  blocks: { id: string; caption: string; steps: { n: number; caption: string; command: string }[] }[];
  tasks: { name: string; title: string }[];
}

/** How many sandboxes end later, of how many, by how many seconds at the most. */
export interface Extended {
  extended: number;
  sandboxes: number;
  seconds: number;
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

/** A learner at this moment, for who may help them. */
export interface LearnerNow {
  id: string;
  name: string;
  online: boolean;
  place: { title: string; url: string; step: string } | null;
  sandbox: string;
  sessions: string[]; // terminals that are open
  hand: { since: number; question: string } | null;
  watchers: string[];
  typing: { by: string; state: "asked" | "granted"; mine: boolean } | null;
}

const mine = (id: string): string => `/api/memberships/${encodeURIComponent(id)}`;
const at = (id: string): string => `/api/classes/${encodeURIComponent(id)}`;

export const rooms = {
  signin: () => call<Signin>("GET", "/api/signin"),
  signIn: (name: string, password: string) => call<Signin>("POST", "/api/signin", { name, password }),
  passkeyQuestion: () => call<Record<string, unknown>>("POST", "/api/signin/passkey/options"),
  enterWithPasskey: (credential: unknown) => call<Signin>("POST", "/api/signin/passkey", { credential }),
  beginWithProvider: () => call<{ to: string }>("POST", "/api/signin/oidc"),
  identities: () => call<Identity[]>("GET", "/api/identities"),
  connect: () => call<{ to: string }>("POST", "/api/identities"),
  disconnect: (id: string) => call<undefined>("DELETE", `/api/identities/${encodeURIComponent(id)}`),
  passkeys: () => call<PasskeyKept[]>("GET", "/api/passkeys"),
  passkeyOffer: () => call<Record<string, unknown>>("POST", "/api/passkeys/options"),
  addPasskey: (name: string, credential: unknown) => call<PasskeyKept>("POST", "/api/passkeys", { name, credential }),
  removePasskey: (id: string) => call<undefined>("DELETE", `/api/passkeys/${encodeURIComponent(id)}`),
  changePassword: (password: string, next: string) => call<undefined>("PUT", "/api/signin/password", { password, new: next }),
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
  myRecordings: (id: string) => call<Recording[]>("GET", `/api/memberships/${encodeURIComponent(id)}/recordings`),
  myCast: (id: string, recording: string) => `/api/memberships/${encodeURIComponent(id)}/recordings/${encodeURIComponent(recording)}.cast`,
  forgetRecordings: (id: string) => call<undefined>("DELETE", `/api/memberships/${encodeURIComponent(id)}/recordings`),
  roster: (id: string) => call<Roster>("GET", `${at(id)}/roster`),
  takeOut: (id: string, learner: string) => call<undefined>("DELETE", `${at(id)}/learners/${encodeURIComponent(learner)}`),
  putStaff: (id: string, name: string, role: string) => call<ClassOut>("POST", `${at(id)}/staff`, { name, role }),
  removeStaff: (id: string, account: string) => call<undefined>("DELETE", `${at(id)}/staff/${encodeURIComponent(account)}`),
  places: () => call<LessonPlaces[]>("GET", "/api/lessons"),
  room: (id: string) => call<RoomState>("GET", `${at(id)}/room`),
  say: (id: string, text: string | null) => (text === null ? call<RoomState>("DELETE", `${at(id)}/message`) : call<RoomState>("PUT", `${at(id)}/message`, { text })),
  point: (id: string, to: { lesson: string; step: string } | null) => (to ? call<RoomState>("PUT", `${at(id)}/here`, to) : call<RoomState>("DELETE", `${at(id)}/here`)),
  presentable: (id: string) => call<{ sessions: string[] }>("GET", `${at(id)}/present`),
  present: (id: string, session: string | null) => (session === null ? call<RoomState>("DELETE", `${at(id)}/present`) : call<RoomState>("PUT", `${at(id)}/present`, { session })),
  pause: (id: string, on: boolean) => call<RoomState>(on ? "PUT" : "DELETE", `${at(id)}/pause`),
  extend: (id: string) => call<Extended>("POST", `${at(id)}/extend`),
  reset: (id: string, learner: string) => call<undefined>("POST", `${at(id)}/learners/${encodeURIComponent(learner)}/reset`),
  end: (id: string, seconds: number) => call<RoomState>("POST", `${at(id)}/end`, { seconds }),
  callOff: (id: string) => call<RoomState>("DELETE", `${at(id)}/end`),
  learner: (id: string, learner: string) => call<LearnerNow>("GET", `${at(id)}/learners/${encodeURIComponent(learner)}`),
  helped: (id: string, learner: string) => call<undefined>("DELETE", `${at(id)}/learners/${encodeURIComponent(learner)}/hand`),
  askToType: (id: string, learner: string) => call<unknown>("POST", `${at(id)}/learners/${encodeURIComponent(learner)}/typing`),
  stopTypingFor: (id: string, learner: string) => call<unknown>("DELETE", `${at(id)}/learners/${encodeURIComponent(learner)}/typing`),
  raiseHand: (id: string, question: string) => call<undefined>("PUT", `${mine(id)}/hand`, { question }),
  lowerHand: (id: string) => call<undefined>("DELETE", `${mine(id)}/hand`),
  answerTyping: (id: string, allow: boolean, by: string) => call<unknown>("PUT", `${mine(id)}/typing`, { allow, by }),
  stopTyping: (id: string) => call<unknown>("DELETE", `${mine(id)}/typing`),
  look: (code: string) => call<Invitation>("GET", `/api/join/${encodeURIComponent(code)}`),
  join: (code: string, name: string) => call<Membership>("POST", "/api/memberships", { code, name }),
  memberships: () => call<Privacy & { classes: Membership[] }>("GET", "/api/memberships"),
  leave: (id: string) => call<undefined>("DELETE", `/api/memberships/${encodeURIComponent(id)}`),
};
