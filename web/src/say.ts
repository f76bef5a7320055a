/* Has a screen reader read something out that just came, once in this window. Knows a live region, which is there before it has anything
   to say. */

import { h } from "./dom";
import { recall, remember } from "./store";

const MOST = 100; // kept of what was read out
const FOR = 20_000; // ms
const log = h("div", { class: "lab-sr", role: "log", "aria-label": "News of your class" });

/** Have the region there. */
export function readyToSay(): void {
  if (!log.isConnected) document.body.append(log);
}

export function say(words: string): void {
  readyToSay();
  const said = h("p", {}, words);
  log.append(said);
  setTimeout(() => said.remove(), FOR);
}

/** `key` names what is said: not on each page, nor after a reload, anew. */
export function sayOnce(key: string, words: string): void {
  const said = recall<string[]>("said", [], "session");
  if (said.includes(key)) return;
  remember("said", [...said, key].slice(-MOST), "session");
  say(words);
}
