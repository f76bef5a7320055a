/* A line to search one terminal in. Knows its own input; the terminal does the finding. */

import { h, iconButton } from "./dom";

interface Findable {
  find(text: string, back?: boolean): boolean;
  focus(): void;
}

export class FindBar {
  readonly element: HTMLElement;
  private readonly input = h("input", { type: "search", class: "lab-find__input", "aria-label": "Find in this terminal", placeholder: "Find", spellcheck: "false" });
  private readonly result = h("span", { class: "lab-find__result", role: "status" });

  constructor(private readonly target: Findable) {
    this.element = h(
      "div",
      { class: "lab-find", role: "search", hidden: true },
      this.input,
      this.result,
      iconButton("up", "Find the one before", () => this.look(true)),
      iconButton("down", "Find the next", () => this.look()),
      iconButton("close", "Close the search", () => this.close()),
    );
    this.input.addEventListener("input", () => this.look());
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.look(event.shiftKey);
      else if (event.key === "Escape") this.close();
      else return;
      event.preventDefault();
    });
  }

  open(): void {
    this.element.hidden = false;
    this.input.focus();
    this.input.select();
  }

  private close(): void {
    this.element.hidden = true;
    this.target.focus();
  }

  private look(back = false): void {
    const found = this.input.value === "" || this.target.find(this.input.value, back);
    this.result.textContent = found ? "" : "Not found";
  }
}
