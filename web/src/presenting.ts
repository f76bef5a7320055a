/* Says to who presents that they do, above the terminals, and ends it. Knows the server's call; it is of who is signed in here. */

import { ApiError, call } from "./api";
import { button, h } from "./dom";
import type { Presented } from "./protocol";

export class Presenting {
  readonly element = h("section", { class: "lab-onair", "aria-label": "You are presenting", hidden: true });
  private readonly trouble = h("p", { class: "lab-ending__trouble", role: "alert" });
  private readonly live = h("p", { class: "lab-sr", role: "status" });
  private saying = "[]";

  told(to: readonly Presented[]): void {
    const saying = JSON.stringify(to); // each terminal of the page is told the same
    if (saying === this.saying) return;
    this.saying = saying;
    this.element.hidden = to.length === 0;
    this.trouble.textContent = "";
    this.element.replaceChildren(...to.flatMap((one) => this.row(one)), this.trouble, this.live);
    this.live.textContent = to.length ? "Your class sees this terminal now." : "Your class sees it no more.";
  }

  private row({ session, id, title }: Presented): HTMLElement[] {
    const words = h("p", {}, h("strong", {}, "Live"), " on every learner’s page of ", h("a", { href: `/room/${encodeURIComponent(id)}` }, h("bdi", {}, title)), ": what the terminal ", h("span", { class: "lab-session", "data-session": session }, session), " shows, they see.");
    return [words, button("Stop", () => void this.stop(id), { class: "lab-button", "aria-label": `Stop presenting to ${title}` })];
  }

  private async stop(id: string): Promise<void> {
    try {
      await call("DELETE", `/api/classes/${encodeURIComponent(id)}/present`);
    } catch (error) {
      this.trouble.textContent = error instanceof ApiError ? error.words : "That did not work. Stop it in the room.";
    }
  }
}
