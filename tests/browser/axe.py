"""What axe-core finds wrong with a page, and whether it fits its window. Knows Playwright; axe itself comes with web/."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.browser.course import ROOT

SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"


def check(page: Page, within: str = "") -> None:
    """AssertionError naming each serious violation, or that the page scrolls sideways. `within`: a selector, for a part of the page."""
    page.evaluate(SETTLED)  # a window that has just got another size is laid out in the next frames
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"
    page.add_script_tag(content=AXE.read_text())
    found = page.evaluate("within => axe.run(within || document, {resultTypes: ['violations']})", within)
    serious = [
        f"{v['id']} ({v['impact']}): {v['help']}\n   {v['nodes'][0]['html'][:200]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)
