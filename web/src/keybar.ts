/* Keys that a phone's keyboard lacks, shown under the terminal where the pointer is a finger. */

import { button, h } from "./dom";

const KEYS: readonly [label: string, name: string, keys: string][] = [
  ["Esc", "Escape", "\x1b"],
  ["Tab", "Tab", "\t"],
  ["Ctrl C", "Control C", "\x03"],
  ["Ctrl D", "Control D", "\x04"],
  ["↑", "Up", "\x1b[A"],
  ["↓", "Down", "\x1b[B"],
  ["←", "Left", "\x1b[D"],
  ["→", "Right", "\x1b[C"],
];

export function keyBar(press: (keys: string) => void): HTMLElement {
  const keys = KEYS.map(([label, name, sequence]) => {
    const key = button(label, () => press(sequence), { class: "lab-key", "aria-label": name });
    key.addEventListener("pointerdown", (event) => event.preventDefault()); // the terminal keeps the focus
    return key;
  });
  return h("div", { class: "lab-keys", role: "group", "aria-label": "Terminal keys" }, ...keys);
}
