/* What the theme leaves out for those who don't use a mouse: names, and a way to scroll what scrolls sideways. */

const WIDE = ".md-typeset pre > code, .hero-terminal pre, .md-typeset__scrollwrap";

/** Everything that scrolls sideways now can be focused, and so scrolled with the arrow keys. */
function letScroll(): void {
  for (const wide of document.querySelectorAll<HTMLElement>(WIDE)) {
    if (wide.scrollWidth > wide.clientWidth) wide.tabIndex = 0;
    else if (!wide.closest(".lab-block")) wide.removeAttribute("tabindex");
  }
}

let due = 0;
const changes = new MutationObserver(() => {
  cancelAnimationFrame(due);
  due = requestAnimationFrame(letScroll);
});

export function makeAccessible(): void {
  document.querySelector(".md-search:not([aria-label])")?.setAttribute("aria-label", "Search");
  letScroll();
  changes.disconnect();
  const content = document.querySelector(".md-content");
  if (content) changes.observe(content, { childList: true, subtree: true }); // the theme wraps its tables later
}

export function watchAccess(): void {
  addEventListener("resize", letScroll);
  void document.fonts.ready.then(letScroll); // lines are as wide as their font
}
