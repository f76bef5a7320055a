"""The pictures of docs/assets/screens/: a lesson with a block that has run, and the room of a class that works, in each palette, wide
and on a phone. `python -m tests.browser.screenshots [FOLDER]`; the course is one of its own, with the driver of this host."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.axe import SETTLED
from tests.browser.chromium import CHROMIUM, QUIET
from tests.browser.classroom import WORDS
from tests.browser.course import ROOT, account, served
from tests.browser.pages import PHONE, WIDE, make_class, sign_in
from tests.classroom.people import Pupil

LESSON = "concepts/02-how-containers-work"
SCREENS = ROOT / "docs/assets/screens"
Palette = Literal["light", "dark"]
LESSONS: dict[str, tuple[Palette, dict[str, int], str]] = {
    "lesson-light": ("light", WIDE, "bottom"),
    "lesson-dark": ("dark", WIDE, "right"),
    "lesson-phone-light": ("light", PHONE, "bottom"),
    "lesson-phone-dark": ("dark", PHONE, "bottom"),
}
ROOMS: dict[str, tuple[Palette, dict[str, int]]] = {
    "room-light": ("light", WIDE),
    "room-dark": ("dark", WIDE),
    "room-phone-light": ("light", PHONE),
    "room-phone-dark": ("dark", PHONE),
}
# name → the step that they are at, and what they type in their terminal
CLASS = {
    "Amina": ("namespaces/1", "ls -l /proc/self/ns"),
    "Björn": ("namespaces/2", "unshare --pid --fork --mount-proc ps aux"),
    "Chiara": ("namespaces/3", "lsns --output NS,TYPE,NPROCS,PID"),
    "Davide": ("namespaces/2", "ip -brief address; hostname; id"),
    "Elif": ("namespaces/3", "cat /proc/self/cgroup; ls /sys/fs/cgroup"),
    "Farid": ("namespaces/1", "unshare --uts hostnam box"),
    "Grace": ("namespaces/3", "mount --types overlay,tmpfs | cut -c1-78"),
    "Hye-jin": ("namespaces/2", "ps -ef --forest"),
    "Ines": ("namespaces/1", "cat /etc/os-release"),
    "Jonas": ("namespaces/2", "findmnt --real"),
}
TITLE = "Containers, Thursday morning"
STUCK, ASKING = "Farid", "Chiara"
DRAWN = (
    "() => [...document.querySelectorAll('.lab-tile canvas')].filter(one => one.screenText?.().includes('#')).length"
)


def lesson(browser: Browser, base: str, name: str, to: Path) -> None:
    palette, size, dock = LESSONS[name]
    page = _page(browser, palette, size)
    page.goto(f"{base}/{LESSON}/")
    page.locator("div.mermaid svg").first.wait_for()
    block = page.locator('[data-block="namespaces"]')
    block.locator('[data-action="run-all"]').click()
    block.locator('[data-step="3"][data-exit]').wait_for(timeout=120_000)
    if dock == "right":
        page.get_by_role("toolbar", name="Terminal tools").get_by_role("button").nth(1).click()
    block.evaluate("block => window.scrollTo(0, block.getBoundingClientRect().top + window.scrollY - 110)")
    page.evaluate(SETTLED)
    _shoot(page, to / f"{name}.png")
    page.close()


def rooms(browser: Browser, base: str, to: Path) -> None:
    page = _page(browser, "light", WIDE)
    page.goto(f"{base}/room/")
    sign_in(page)
    code = make_class(page, TITLE)
    with ThreadPoolExecutor(4) as pool:
        there = list(pool.map(lambda name: _working(base, code, name), CLASS))
    try:
        for name, (palette, size) in ROOMS.items():
            shown = _page(browser, palette, size)
            shown.goto(f"{base}/room/")
            sign_in(shown)
            shown.get_by_role("link", name=TITLE).click()
            shown.locator(".lab-tile[data-online]").nth(len(CLASS) - 1).wait_for()
            if size is PHONE:
                top = "counts => window.scrollTo(0, counts.getBoundingClientRect().top + window.scrollY - 60)"
                shown.locator(".lab-wall__counts").evaluate(top)
            shown.wait_for_function(f"() => ({DRAWN})() >= 4")
            _shoot(shown, to / f"{name}.png")
            shown.close()
    finally:
        for pupil in there:
            pupil.leave()


def _working(base: str, code: str, name: str) -> Pupil:
    """One of the class, whose terminal shows what they did."""
    step, command = CLASS[name]
    pupil = Pupil(base, code, name)
    pupil.at(LESSON, step)
    terminal = pupil.work(LESSON, "host")
    terminal.type(f"clear; {command}\r".encode())
    if name == STUCK:
        for _ in range(4):
            pupil.page.say(type="did", failed=True)
            terminal.type(f"{command}\r".encode())
    if name == ASKING:
        pupil.call("PUT", f"/api/memberships/{pupil.of}/hand", {"question": "Why is it PID 1 in there?"})
    return pupil


def _page(browser: Browser, palette: Palette, size: dict[str, int]) -> Page:
    page = browser.new_page(color_scheme=palette, viewport=size, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_default_timeout(120_000)
    return page


def _shoot(page: Page, file: Path) -> None:
    page.evaluate("() => document.fonts.ready")
    page.wait_for_timeout(1500)  # miniatures are painted when there is time
    page.screenshot(path=file)
    print(file)


def main() -> None:
    to = Path(sys.argv[1]) if len(sys.argv) > 1 else SCREENS
    to.mkdir(parents=True, exist_ok=True)
    with served() as course, sync_playwright() as playwright:
        account(course, "Ina", WORDS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        for name in LESSONS:
            lesson(browser, course.url, name, to)
        rooms(browser, course.url, to)
        browser.close()


if __name__ == "__main__":
    main()
