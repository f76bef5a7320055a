/* What every page loads: wakes live blocks and quizzes, after each instant navigation too, and fetches the dock (and
   xterm.js with it) only when a terminal is wanted. Knows Material's `document$`, and does without it. */

import { makeAccessible, watchAccess } from "./access";
import { api } from "./api";
import { Blocks } from "./blocks";
import type { Dock } from "./dock";
import { button, h } from "./dom";
import { wakeQuizzes } from "./quiz";
import { SandboxWatch } from "./sandbox";
import { recall } from "./store";

declare global {
  interface Window {
    document$?: { subscribe(call: () => void): unknown };
    labs?: { text(session: string): string };
  }
}

const watch = new SandboxWatch();
let loading: Promise<Dock> | null = null;
let dock: Dock | null = null;

const blocksOfPage = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(".lab-block")];

const hooks = {
  lesson: () => blocksOfPage()[0]?.dataset.lesson ?? "",
  sessions: () => [...new Set([...document.querySelectorAll<HTMLElement>(".lab-step")].map((step) => step.dataset.session ?? "host"))],
  hidden: () => {
    offerLauncher();
    launcher.focus();
  },
};

function getDock(): Promise<Dock> {
  loading ??= import("./dock").then((module) => {
    dock = new module.Dock(watch, hooks);
    return dock;
  });
  loading.catch(() => {
    loading = null; // a chunk that didn't come may come next time
  });
  return loading;
}

const launcher = button("Terminal", () => void openDock(true), { class: "lab-launcher", hidden: true });
launcher.prepend(h("span", { class: "lab-icon lab-icon--terminal", "aria-hidden": "true" }));
const failure = h("p", { class: "lab-launcher-failure", role: "status" });

async function openDock(enter: boolean): Promise<void> {
  failure.textContent = "";
  const opened = await getDock().catch(() => null);
  if (!opened) {
    failure.textContent = "The terminal could not be loaded: reload the page.";
    return;
  }
  const shown = opened.show(undefined, enter).catch(() => null); // the panel says what went wrong
  offerLauncher();
  await shown;
}

function offerLauncher(): void {
  launcher.hidden = dock?.open === true || (blocksOfPage().length === 0 && dock === null);
}

const blocks = new Blocks(async () => {
  const made = await getDock();
  queueMicrotask(offerLauncher);
  return made;
}, watch);

function wake(): void {
  blocks.wake(document);
  wakeQuizzes(document);
  makeAccessible();
  dock?.offer();
  offerLauncher();
}

/** After a reload the terminals come back as they were, if there still is a sandbox. */
async function restore(): Promise<void> {
  const was = recall("open", { dock: false, session: "" }, "session");
  if (!was.dock) return;
  const me = await api.me().catch(() => null);
  if (!me?.sandbox) return;
  const opened = await getDock().catch(() => null);
  await opened?.show(was.session || undefined).catch(() => {});
  offerLauncher();
}

document.body.append(launcher, failure);
window.labs = { text: (session) => dock?.text(session) ?? "" };
if (window.document$) window.document$.subscribe(wake);
else wake();
watchAccess();
void restore();
