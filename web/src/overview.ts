/* Marks how far each lesson is wherever the page links to it, and offers to go on where the learner left off.
   Knows Material's navigation and the learner's progress. Any element with `data-continue` gets the offer; on the home page
   the one with the buttons does. */

import { h } from "./dom";
import { goal, lessonAt, part, partWords } from "./lessons";
import type { ProgressStore } from "./progress";

const NAV = ".md-nav--primary a.md-nav__link[href]";
const TABLE = "article :is(td, li) > a[href]:not(.headerlink)";

export class Overview {
  constructor(private readonly progress: ProgressStore) {
    progress.subscribe(() => this.show());
  }

  show(): void {
    const lessons = this.progress.value?.lessons;
    if (!lessons) return;
    const ids = Object.keys(lessons);
    const here = lessonAt(location.pathname, ids);
    const links = document.querySelectorAll<HTMLAnchorElement>(here ? NAV : `${NAV}, ${TABLE}`);
    for (const link of links) {
      const url = new URL(link.href, location.href);
      const id = url.origin === location.origin && (!url.hash || link.matches(".md-nav__link--active")) ? lessonAt(url.pathname, ids) : null;
      const lesson = id && lessons[id];
      if (lesson && !link.getAttribute("href")?.startsWith("#")) mark(link, part(lesson), partWords(lesson), lesson.at !== null);
    }
    this.offer();
  }

  /** The lessons in the course's order, which is that of the navigation, with the words and address of each. */
  private course(ids: string[]): Map<string, { title: string; href: string }> {
    const found = new Map<string, { title: string; href: string }>();
    for (const link of document.querySelectorAll<HTMLAnchorElement>(NAV)) {
      const id = link.getAttribute("href")?.startsWith("#") ? null : lessonAt(new URL(link.href, location.href).pathname, ids);
      if (id && !found.has(id)) found.set(id, { title: (link.querySelector(".md-ellipsis")?.textContent ?? link.textContent ?? "").trim(), href: link.href });
    }
    return found;
  }

  private offer(): void {
    const progress = this.progress.value;
    const place = document.querySelector<HTMLElement>("[data-continue]") ?? document.querySelector<HTMLElement>(".hero-words");
    if (!progress || !place) return;
    const course = this.course(Object.keys(progress.lessons));
    const to = goal(progress, [...course.keys()]);
    const target = to && course.get(to.id);
    const old = place.querySelector(".lab-continue");
    if (!to || !target) {
      old?.remove();
      return;
    }
    const lesson = progress.lessons[to.id];
    const words = to.kind === "next" ? "Next lesson:" : "Continue where you left off:";
    const link = h("a", { href: target.href }, target.title);
    const fresh = h("p", { class: "lab-continue" }, words, " ", link);
    if (lesson && lesson.at !== null) mark(link, part(lesson), partWords(lesson), true);
    if (old) old.replaceWith(fresh);
    else place.append(fresh);
  }
}

/** A ring that fills, and a check mark when it is full; drawn by CSS, told in words. */
function mark(link: HTMLAnchorElement, filled: number, words: string, begun: boolean): void {
  let ring = link.querySelector<HTMLElement>(".lab-ring");
  if (!ring) {
    ring = h("span", { class: "lab-ring" }, h("span", { class: "lab-sr" }));
    link.append(ring);
  }
  ring.style.setProperty("--lab-part", `${Math.round(filled * 100)}%`);
  ring.toggleAttribute("data-full", filled === 1);
  ring.toggleAttribute("data-begun", begun);
  const text = ` (${words})`;
  if (ring.firstElementChild?.textContent !== text) (ring.firstElementChild as HTMLElement).textContent = text;
}
