"""A class on two real pages, from joining to the export: an instructor's room and a learner's lesson, on any server that is at hand.

Knows the order, and what each moment looks like on both pages. Doesn't know how the server was started, or what sandboxes are there.

    python -m tests.browser.journey URL PASSWORD [SECONDS]    of the instructor Ina; SECONDS: the patience with each moment
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from playwright.sync_api import Locator, Page, sync_playwright

from tests.browser.chromium import CHROMIUM, QUIET
from tests.browser.conftest import Open, watched
from tests.browser.pages import WIDE, join, make_class, row, sign_in

LESSON = "/concepts/02-how-containers-work/"
NAME = "Zoë"
QUESTION = "Why is it PID 1?"
STILL = 1000.0  # milliseconds without a tick of a loop that ticks five times a second
TICKS = "while :; do date +%s.%N; sleep 0.2; done"
TEXT = "() => window.labs.text('host')"
PALETTES: tuple[Literal["dark", "light"], ...] = ("dark", "light")
PICTURES = os.environ.get("LABS_PICTURES")
Say = Callable[[str], None]


class Journey:
    """`open_page` gives each of them a browser of its own; `pictures` is a folder for what the wall looks like."""

    def __init__(self, open_page: Open, password: str, say: Say, pictures: Path | None = None) -> None:
        self._open_page, self._password, self._say, self._pictures = open_page, password, say, pictures
        self._began = time.monotonic()
        self.teacher = open_page("/room/", viewport=WIDE)
        sign_in(self.teacher, password)
        self._code = make_class(self.teacher, "A journey")
        self.learner = open_page(f"/join/{self._code}", viewport=WIDE)

    def go(self) -> None:
        """Raises what Playwright raises, and AssertionError."""
        for act in (self.limits, self.join, self.work, self.help, self.conduct, self.export):
            act()
            self._say(f"{act.__name__}: {time.monotonic() - self._began:.0f} s")

    def limits(self) -> None:
        """So that there is an end which can be extended, whatever the host's own are."""
        self.teacher.get_by_role("button", name="Change").click()
        dialog = self.teacher.get_by_role("dialog", name="Change the class")
        limits = dialog.get_by_role("group", name="Sandboxes of its learners")
        limits.get_by_label("Minutes until the end").fill("90")
        limits.get_by_label("Extensions").fill("2")
        dialog.get_by_role("button", name="Save").click()
        dialog.wait_for(state="detached")

    def join(self) -> None:
        self.learner.locator(".lab-room__seen", has_text="screens of your terminals").wait_for()
        join(self.learner, NAME)
        self._tile.get_by_text(NAME, exact=True).wait_for()

    def work(self) -> None:
        """A step of the lesson, which says what the lesson states; the wall tells where the learner is, and shows it."""
        self.learner.goto(self.learner.url.split("/join")[0] + LESSON)
        block = self.learner.locator('[data-block="namespaces"]')
        block.locator('[data-step="1"] [data-action="run"]').click()
        block.locator('[data-step="1"][data-state="ok"]').wait_for()
        self._tile.locator(".lab-tile__place", has_text=re.compile("step 1$")).wait_for()
        self._type(self.learner, "echo wor''king\n")
        self._says("working")
        self.teacher.wait_for_function(
            "() => document.querySelector('.lab-tile canvas')?.screenText?.().includes('working')"
        )

    def help(self) -> None:
        """A hand, a watch whose keys lead nowhere, keys of both once the learner agrees, ended by the learner."""
        self.learner.get_by_label("Your question").fill(QUESTION)
        self.learner.get_by_role("button", name="Raise your hand").click()
        self._tile.get_by_text(f"Hand raised: {QUESTION}").wait_for()
        self._picture("wall")
        self._tile.get_by_role("button", name=NAME).click()
        dialog = self.teacher.locator("dialog[open]")
        row(self.learner, "watched").get_by_text("Ina is looking at your terminal.").wait_for()
        dialog.get_by_text("working").first.wait_for()
        dialog.locator(".xterm-screen").click()
        self.teacher.keyboard.type("echo not allowed\n")
        dialog.get_by_role("button", name="Ask to type").click()
        asked = row(self.learner, "typing")
        asked.get_by_role("button", name="Allow").click()
        dialog.get_by_text("You can type here now").wait_for()
        dialog.locator(".xterm-screen").click()
        self.teacher.keyboard.type("echo to''gether\n")
        self._says("together")
        assert "not allowed" not in self._text(), "keys of a watcher reached the shell before they were allowed to"
        asked.get_by_role("button", name="Stop").click()
        dialog.get_by_text("You only look").wait_for()
        dialog.get_by_role("button", name="Helped").click()
        self.learner.get_by_role("button", name="Raise your hand").wait_for()
        dialog.get_by_role("button", name="Close").click()
        row(self.learner, "watched").wait_for(state="detached")

    def conduct(self) -> None:
        """A message; everything stands still and goes on; more time."""
        tools = self.teacher.get_by_role("toolbar", name="Tools of the room")
        tools.get_by_role("button", name="Message").click()
        dialog = self.teacher.locator("dialog[open]")
        dialog.get_by_role("textbox").fill("Look at the board.")
        dialog.locator("button[type=submit]").click()
        row(self.learner, "message").get_by_text("Look at the board.").wait_for()

        self._type(self.learner, f"{TICKS}\n")
        self.learner.wait_for_function(f"() => /(\\d{{10}}\\.\\d{{9}}\\s+){{2}}/.test(({TEXT})())")
        tools.get_by_role("button", name="Pause all").click()
        row(self.learner, "paused").get_by_text("Ina").wait_for()
        self.learner.wait_for_timeout(STILL)  # for what was under way
        before = self._text()
        self.learner.wait_for_timeout(STILL)
        assert self._text() == before, "a paused sandbox went on printing"
        self.teacher.get_by_role("button", name="Go on").click()
        row(self.learner, "paused").wait_for(state="detached")
        self.learner.wait_for_function(f"before => ({TEXT})() !== before", arg=before)
        self.learner.locator(".lab-dock .xterm-screen").first.click()
        self.learner.keyboard.press("Control+c")
        self._type(self.learner, "echo in''tact\n")
        self._says("intact")

        tools.get_by_role("button", name="Extend all").click()
        self.teacher.get_by_text(re.compile(r"The one sandbox may go on \d+ \w+ longer\.")).wait_for()

    def export(self) -> None:
        after = self.teacher.locator(".lab-room__after")
        after.get_by_text("Export", exact=True).click()
        with self.teacher.expect_download() as came:
            after.get_by_role("link", name="Learners (CSV)").click()
        (learner,) = csv.DictReader(io.StringIO(came.value.path().read_text("utf-8-sig")))
        assert learner["name"] == NAME
        with self.teacher.expect_download() as came:
            after.get_by_role("link", name="Everything (JSON)").click()
        assert NAME in json.dumps(json.loads(came.value.path().read_text()), ensure_ascii=False)

    @property
    def _tile(self) -> Locator:
        return self.teacher.locator(".lab-tile")

    def _type(self, page: Page, keys: str) -> None:
        page.locator(".lab-dock .xterm-screen").first.click()
        page.keyboard.type(keys)

    def _text(self) -> str:
        return str(self.learner.evaluate(TEXT))

    def _says(self, words: str) -> None:
        self.learner.wait_for_function(f"words => ({TEXT})().includes(words)", arg=words)

    def _picture(self, name: str) -> None:
        if not self._pictures:
            return
        for palette in PALETTES:
            page = self._open_page("/room/", viewport=WIDE, color_scheme=palette)
            sign_in(page, self._password)
            page.get_by_role("link", name="A journey").first.click()
            page.locator(".lab-tile").get_by_text("Hand raised").wait_for()
            page.wait_for_function(
                "() => document.querySelector('.lab-tile canvas')?.screenText?.().includes('working')"
            )
            page.screenshot(path=self._pictures / f"{name}-{palette}.png")
            page.context.close()


def main(url: str, password: str, patience: str = "60") -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        with watched(browser, url, patience=1000 * float(patience)) as open_page:
            Journey(open_page, password, print, Path(PICTURES) if PICTURES else None).go()
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
