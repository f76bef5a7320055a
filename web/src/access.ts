/* What the theme leaves out for those who don't use a mouse: names, and a way to scroll what scrolls sideways. */

/** Everything that scrolls sideways now can be focused, and so scrolled with the arrow keys. */
function letScroll(): void {
  for (const code of document.querySelectorAll<HTMLElement>(".md-typeset pre > code")) {
    if (code.scrollWidth > code.clientWidth) code.tabIndex = 0;
    else if (!code.closest(".lab-block")) code.removeAttribute("tabindex");
  }
}

export function makeAccessible(): void {
  document.querySelector(".md-search:not([aria-label])")?.setAttribute("aria-label", "Search");
  letScroll();
}

export function watchAccess(): void {
  addEventListener("resize", letScroll);
  void document.fonts.ready.then(letScroll); // lines are as wide as their font
}
