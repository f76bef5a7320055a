/* The dock's tabs: one a session, one of them in the tab order, arrow keys between them. Knows the DOM only. */

import { h } from "./dom";
import { tabAfterKey } from "./layout";

export class Tabs {
  readonly element = h("div", { class: "lab-tabs", role: "tablist", "aria-label": "Terminals" });
  private readonly tabs = new Map<string, HTMLButtonElement>();

  /** `select` is told which tab, and whether the terminal is to have the focus then. */
  constructor(private readonly select: (name: string, enter: boolean) => void) {
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  has(name: string): boolean {
    return this.tabs.has(name);
  }

  add(name: string): void {
    if (this.tabs.has(name)) return;
    const tab = h(
      "button",
      { type: "button", class: "lab-tab", role: "tab", id: `lab-tab-${name}`, "aria-controls": "lab-dock-body", "data-session": name },
      h("span", { class: "lab-tab__dot", "aria-hidden": "true" }),
      name,
    );
    tab.addEventListener("click", (event) => this.select(name, event.detail > 0));
    this.tabs.set(name, tab);
    this.element.append(tab);
  }

  remove(name: string): void {
    this.tabs.get(name)?.remove();
    this.tabs.delete(name);
  }

  show(current: string): void {
    for (const [name, tab] of this.tabs) {
      tab.setAttribute("aria-selected", String(name === current));
      tab.tabIndex = name === current ? 0 : -1;
    }
  }

  focus(name: string): void {
    this.tabs.get(name)?.focus();
  }

  private key(event: KeyboardEvent): void {
    const names = [...this.tabs.keys()];
    const at = names.findIndex((name) => this.tabs.get(name) === event.target);
    const next = at === -1 ? null : tabAfterKey(at, names.length, event.key);
    const name = next === null ? undefined : names[next];
    if (name === undefined) return;
    event.preventDefault();
    this.select(name, false);
    this.focus(name);
  }
}
