/* "Everyone here": where the learner is to be, a link that leads there, and the step marked on its page. */

import type { BarPart } from "./class-bar";
import { h } from "./dom";
import type { RoomView } from "./room-channel";
import { sayOnce } from "./say";

type Place = NonNullable<RoomView["here"]>;

export const here: BarPart = {
  name: "here",
  shows: (view) => view.here ?? null,
  row: (view) => {
    const { by, title, part, url, at, lesson, step } = view.here as Place;
    sayOnce(`${view.id} here ${at ?? ""} ${lesson} ${step}`, `${by}: everyone to ${title}${part ? `, ${part}` : ""}.`);
    const link = h("a", { href: url }, h("cite", {}, title), part ? `, ${part}` : "");
    link.addEventListener("click", (event) => {
      if (url.startsWith("#") || new URL(url, location.href).pathname !== location.pathname) return; // another page
      event.preventDefault();
      show(target(url) ?? document.querySelector<HTMLElement>("article h1"));
    });
    return h("div", {}, h("p", {}, h("strong", {}, h("bdi", {}, by), ":"), " everyone to ", link));
  },
};

/** The step or task on this page that is meant, where it is on this page. */
function target(url: string): HTMLElement | null {
  const { pathname, hash } = new URL(url, location.href);
  return pathname === location.pathname && hash ? document.getElementById(decodeURIComponent(hash.slice(1))) : null;
}

function show(element: HTMLElement | null): void {
  if (!element) return;
  element.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

let arrived = ""; // the address at which a link's place was shown: steps get their ids after the browser has looked for them

/** Mark the places that hold now, and no others; to be called at every change, and on every page. */
export function markHere(views: RoomView[]): void {
  const wanted = views.map((view) => (view.here ? target(view.here.url) : null)).filter((one) => one !== null);
  for (const marked of document.querySelectorAll<HTMLElement>("[data-here]")) {
    if (wanted.includes(marked)) continue;
    delete marked.dataset.here;
    marked.removeAttribute("aria-current");
  }
  for (const element of wanted) {
    element.dataset.here = "";
    element.setAttribute("aria-current", "step");
    if (location.hash === `#${element.id}` && arrived !== location.href) {
      arrived = location.href;
      show(element);
    }
  }
}
