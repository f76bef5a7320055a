/* What every page loads: wakes live blocks, tasks and quizzes, after each instant navigation too, and fetches the dock (and
   xterm.js with it) only when a terminal is wanted. Knows Material's `document$`, and does without it. */

import { makeAccessible, watchAccess } from "./access";
import { api, ApiError, type Me, type Sandbox } from "./api";
import { Blocks } from "./blocks";
import type { ClassBar } from "./class-bar";
import type { Countdown } from "./countdown";
import type { Dock } from "./dock";
import { button, h } from "./dom";
import { endingOf } from "./ending";
import { HostWatch } from "./host";
import { later } from "./later";
import { Lookout } from "./lookout";
import { Overview } from "./overview";
import { paused } from "./paused";
import { ProgressStore } from "./progress";
import { Quizzes } from "./quiz";
import { Recorder } from "./record";
import { over, SandboxWatch } from "./sandbox";
import type { RoomChannel, RoomView } from "./room-channel";
import { recall } from "./store";
import { Strip } from "./strip";
import { Tasks } from "./tasks";

declare global {
  interface Window {
    document$?: { subscribe(call: () => void): unknown };
    labs?: { text(session: string): string };
  }
}

const watch = new SandboxWatch();
const host = new HostWatch(askMe);
const progress = new ProgressStore();
const quizzes = new Quizzes(progress);
const tasks = new Tasks(watch, progress, host);
const overview = new Overview(progress);
const strip = new Strip(progress, () => void openMine(), () => void openClasses());
let loading: Promise<Dock> | null = null;
let dock: Dock | null = null;
let countdown: Countdown | null = null;
let channel: RoomChannel | null = null;
let classBar: ClassBar | null = null;
let place: (() => void) | null = null; // looks where on the page the learner is

const blocksOfPage = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(".lab-block")];

/** The page's terminals: those that a task may be done in, in the lesson's order, and those that steps name. */
function sessionsOfPage(): string[] {
  const tasks = [...document.querySelectorAll<HTMLElement>(".lab-task")].flatMap((task) => (task.dataset.sessions ?? "").split(" ").filter(Boolean));
  const steps = [...document.querySelectorAll<HTMLElement>(".lab-step")].map((step) => step.dataset.session ?? "host");
  return [...new Set([...tasks, ...steps])];
}

const hooks = {
  lesson: () => document.querySelector<HTMLElement>("article [data-lesson]")?.dataset.lesson ?? "",
  sessions: sessionsOfPage,
  hidden: () => {
    offerLauncher();
    launcher.focus();
  },
  ended: (exit: number | null) => channel?.did(exit !== null && exit !== 0),
  activity: (session: string, what: "output" | "ended", taken: boolean) => tasks.terminal(session, what, taken),
};

function getDock(): Promise<Dock> {
  loading ??= Promise.all([import("./dock"), getCountdown()]).then(([module, ending]) => {
    dock = new module.Dock(watch, hooks, ending);
    return dock;
  });
  loading.catch(() => {
    loading = null; // a chunk that didn't come may come next time
  });
  return loading;
}

/** One for the page, with a terminal or without. */
async function getCountdown(): Promise<Countdown> {
  const module = await import("./countdown");
  countdown ??= new module.Countdown(extend);
  return countdown;
}

/** Where no terminal is connected, the end of the sandbox is seen all the same. */
const lookout = new Lookout({
  ask: api.sandbox,
  tell: (sandbox) => void showEnd(sandbox).catch(() => {}), // a chunk that didn't come may come at the next look
  told: () => dock?.connected === true,
  visible: () => document.visibilityState === "visible",
  later,
});

async function showEnd(sandbox: Sandbox): Promise<void> {
  if (over(sandbox)) {
    countdown?.clear();
    watch.ended(sandbox.detail);
  } else if (countdown || endingOf(sandbox, 0)) (await getCountdown()).told(sandbox);
}

async function askMe(): Promise<Me> {
  const me = await api.me();
  if (watch.view.name === "none") lookout.know(me.sandbox);
  return me;
}

async function extend(): Promise<Sandbox> {
  if (!lookout.id) throw new ApiError(0, "error", "Your sandbox is not ready.", "Try again when it is.");
  const sandbox = await api.extend(lookout.id);
  lookout.know(sandbox);
  return sandbox;
}

watch.subscribe((view) => {
  if (view.name === "ready") lookout.follow(view.id);
  else if (view.name !== "none") lookout.forget();
});

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
}, watch, host, progress, new Recorder(progress));

/** In the header, where a course server keeps progress. */
const mine = h("button", { type: "button", class: "md-header__button md-icon lab-mine-open", title: "My progress", "aria-label": "My progress", hidden: true });
mine.append(h("span", { class: "lab-icon lab-icon--mine", "aria-hidden": "true" }));
mine.addEventListener("click", () => void openMine());

async function openMine(): Promise<void> {
  const module = await import("./mine").catch(() => null);
  if (module) module.openMine(() => void openClasses());
  else failure.textContent = "It could not be loaded: reload the page.";
}

async function openClasses(): Promise<void> {
  const module = await import("./my-classes").catch(() => null);
  if (module) module.openClasses(() => void progress.load());
  else failure.textContent = "It could not be loaded: reload the page.";
}

/** The pages of classes have scripts of their own, which no lesson loads. */
function wakeRoom(): void {
  const place = document.querySelector<HTMLElement>("[data-class-page]:not([data-awake])");
  if (!place) return;
  place.dataset.awake = "";
  const loaded = place.dataset.classPage === "join" ? import("./join") : import("./room");
  loaded.then((module) => module.wake(place, () => void progress.load())).catch(() => {
    place.textContent = "It could not be loaded: reload the page.";
  });
}

progress.subscribe(() => {
  mine.hidden = progress.value === null;
});

/** Who is in a class has a channel into its room; nobody else loads it. */
let inClasses = "";
progress.subscribe(() => {
  const now = JSON.stringify((progress.value?.classes ?? []).map((of) => of.id));
  if (progress.value === null || now === (inClasses || "[]")) return;
  inClasses = now;
  Promise.all([import("./room-channel"), import("./class-bar"), import("./whereabouts")])
    .then(([channels, bar, whereabouts]) => {
      if (channel === null) {
        const made = new channels.RoomChannel();
        channel = made;
        classBar = new bar.ClassBar(made);
        made.subscribe(() => paused.become(made.views.find((view) => view.paused)?.paused?.by ?? null));
        made.subscribe(() => made.views.some(isNews) && void progress.load());
        place = whereabouts.watchPlace((lesson, part) => made.at(lesson, part));
        document.addEventListener("lab:hint", () => made.hinted());
      }
      if (now === "[]") channel.stop();
      else channel.start();
    })
    .catch(() => {
      inClasses = ""; // a chunk that didn't come may come next time
    });
});

/** A class was opened, closed or archived meanwhile: its chip is to say so. */
function isNews(view: RoomView): boolean {
  return progress.value?.classes?.some((of) => of.id === view.id && of.state !== view.state) ?? false;
}

function wake(): void {
  const search = document.querySelector(".md-header__inner > [for='__search'], .md-header__inner > .md-search");
  if (search && !mine.isConnected) search.before(mine);
  blocks.wake(document);
  tasks.wake(document);
  quizzes.wake(document);
  strip.wake();
  overview.show();
  makeAccessible();
  dock?.offer();
  offerLauncher();
  wakeRoom();
  classBar?.wake();
  place?.();
}

/** After a reload the terminals come back as they were, if there still is a sandbox; else why there is none. */
async function restore(): Promise<void> {
  const was = recall("open", { dock: false, session: "" }, "session");
  if (!was.dock) return;
  const me = await askMe().catch(() => null);
  if (!me?.sandbox) return;
  const opened = await getDock().catch(() => null);
  if (over(me.sandbox) && watch.view.name === "none") {
    watch.ended(me.sandbox.detail); // a reload starts nothing anew
    opened?.reveal(was.session);
  } else await opened?.show(was.session || undefined).catch(() => {});
  offerLauncher();
}

document.body.append(launcher, failure);
window.labs = { text: (session) => dock?.text(session) ?? "" };
if (window.document$) window.document$.subscribe(wake);
else wake();
watchAccess();
void progress.load();
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  progress.back();
  lookout.back();
});
void restore();
