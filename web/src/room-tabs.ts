/* Tabs of a class's page: one panel at a time, arrow keys between the tabs. Knows elements only. */

import { h } from "./dom";
import { tabAfterKey } from "./layout";

export interface Panel {
  name: string;
  label: string;
  content: HTMLElement[];
}

export class RoomTabs {
  readonly element = h("div", { class: "lab-room__view" });
  current = "";
  private readonly tabs: HTMLButtonElement[];
  private readonly panels: HTMLElement[];

  /** `shown` is told which panel is shown, whenever it is another one. */
  constructor(
    label: string,
    private readonly all: readonly Panel[],
    private readonly shown: (name: string) => void,
  ) {
    this.tabs = all.map(({ name, label: words }) => h("button", { type: "button", class: "lab-room__tab", role: "tab", id: `lab-view-${name}`, "aria-controls": `lab-panel-${name}` }, words));
    this.panels = all.map(({ name, content }) => h("div", { role: "tabpanel", id: `lab-panel-${name}`, "aria-labelledby": `lab-view-${name}` }, ...content));
    const list = h("div", { class: "lab-room__tabs", role: "tablist", "aria-label": label }, ...this.tabs);
    this.tabs.forEach((tab, n) => tab.addEventListener("click", () => this.show(all[n]?.name ?? "")));
    list.addEventListener("keydown", (event) => {
      const next = tabAfterKey(this.tabs.findIndex((tab) => tab === event.target), this.tabs.length, event.key);
      const to = next === null ? undefined : all[next];
      if (!to) return;
      event.preventDefault();
      this.show(to.name);
      this.tabs[next ?? 0]?.focus();
    });
    this.element.append(list, ...this.panels);
  }

  show(name: string): void {
    this.all.forEach((panel, n) => {
      const is = panel.name === name;
      const tab = this.tabs[n];
      const body = this.panels[n];
      if (!tab || !body) return;
      tab.setAttribute("aria-selected", String(is));
      tab.tabIndex = is ? 0 : -1;
      body.hidden = !is;
    });
    if (name === this.current) return;
    this.current = name;
    this.shown(name);
  }
}
