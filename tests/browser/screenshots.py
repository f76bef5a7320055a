"""The pictures of docs/assets/screens/: the lesson with a block that has run, in each palette, wide and on a phone."""

from __future__ import annotations

import shutil
import sys

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import QUIET, ROOT

LESSON = "/concepts/02-how-containers-work/"
SCREENS = ROOT / "docs/assets/screens"
SHOTS = {
    "lesson-light": ("light", 1440, 900, "bottom"),
    "lesson-dark": ("dark", 1440, 900, "right"),
    "lesson-phone-light": ("light", 390, 844, "bottom"),
    "lesson-phone-dark": ("dark", 390, 844, "bottom"),
}


def take(browser: Browser, base: str, name: str) -> None:
    palette, width, height, dock = SHOTS[name]
    page = browser.new_page(
        color_scheme="dark" if palette == "dark" else "light",
        viewport={"width": width, "height": height},
        reduced_motion="reduce",
    )
    page.goto(base.rstrip("/") + LESSON)
    page.locator("div.mermaid svg").first.wait_for()
    block = page.locator('[data-block="namespaces"]')
    block.locator('[data-action="run-all"]').click()
    block.locator('[data-step="3"][data-exit]').wait_for(timeout=120_000)
    if dock == "right":
        page.get_by_role("toolbar", name="Terminal tools").get_by_role("button").nth(1).click()
    block.evaluate("block => window.scrollTo(0, block.getBoundingClientRect().top + window.scrollY - 110)")
    page.locator("body").evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=SCREENS / f"{name}.png")
    page.close()


def main() -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        for name in SHOTS:
            take(browser, sys.argv[1], name)
            print(SCREENS / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
