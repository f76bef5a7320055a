/* Keys that a phone's keyboard lacks, shown under the terminal where the pointer is a finger. */

import { button, h } from "./dom";

const KEYS: readonly { label: string; name?: string; keys: string }[] = [
  { label: "Esc", keys: "\x1b" },
  { label: "Tab", keys: "\t" },
  { label: "Ctrl C", keys: "\x03" },
  { label: "Ctrl D", keys: "\x04" },
  { label: "↑", name: "Up", keys: "\x1b[A" },
  { label: "↓", name: "Down", keys: "\x1b[B" },
  { label: "←", name: "Left", keys: "\x1b[D" },
  { label: "→", name: "Right", keys: "\x1b[C" },
];

export function keyBar(press: (keys: string) => void): HTMLElement {
  const keys = KEYS.map(({ label, name, keys: sequence }) => {
    const key = button(label, () => press(sequence), { class: "lab-key", "aria-label": name });
    key.addEventListener("pointerdown", (event) => event.preventDefault()); // the terminal keeps the focus
    return key;
  });
  return h("div", { class: "lab-keys", role: "group", "aria-label": "Terminal keys" }, ...keys);
}
