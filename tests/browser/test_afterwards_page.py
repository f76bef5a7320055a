"""A class afterwards, on two real pages: a learner agrees to be recorded, it is played back, files and the log. The driver is PtyDriver."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import axe
from tests.browser.conftest import Open, watched
from tests.browser.pages import PHONE, WIDE, make_class, sign_in
from tests.conftest import Server
from tests.shell import eventually
from tests.web.recorded import files, printed

LESSON = "/concepts/02-how-containers-work/"
SHOTS = os.environ.get("LABS_SHOTS", "")  # a folder: pictures are put there


@pytest.fixture
def visit(browser: Browser, room: Server) -> Iterator[Open]:
    with watched(browser, room.origin) as make:
        yield make


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def looks(page: Page, name: str, within: str = "") -> None:
    """Pictures in light and dark, wide and on a phone; axe looks at each, or a part of it."""
    for scheme, palette in (("light", "default"), ("dark", "slate")):
        page.evaluate("palette => document.body.setAttribute('data-md-color-scheme', palette)", palette)
        for size, at in (("wide", WIDE), ("phone", PHONE)):
            page.set_viewport_size(at)  # type: ignore[arg-type]
            shot(page, f"{name}-{scheme}-{size}")
            axe.check(page, within)
    page.evaluate("document.body.setAttribute('data-md-color-scheme', 'default')")
    page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_a_learner_agrees_is_recorded_and_played_back(visit: Open, room: Server) -> None:
    teacher = visit("/room/", viewport=WIDE)
    sign_in(teacher)
    code = make_class(teacher, "Recorded")
    learner = visit(f"/join/{code}", viewport=WIDE)
    learner.get_by_label("Your name in this class").fill("Zoë")
    learner.keyboard.press("Enter")
    learner.locator(".lab-room__in").wait_for()
    learner.goto(room.origin + LESSON)

    teacher.get_by_role("button", name="Change").click()
    teacher.get_by_label("Ask learners to have their terminals recorded").check()
    shot(teacher, "form")
    teacher.get_by_role("button", name="Save").click()

    asked = learner.locator(".lab-classbar__row[data-part=recording]")
    asked.get_by_text("asks to record your terminals").wait_for()
    looks(learner, "asked", ".lab-classbar")
    asked.get_by_role("button", name="Agree to the recording").click()
    asked.get_by_text("Your terminal is recorded").wait_for()
    looks(learner, "recorded", ".lab-classbar")
    learner.get_by_role("button", name="Terminal", exact=True).click()
    learner.wait_for_function("() => (window.labs?.text('host') ?? '').includes('$')")
    learner.keyboard.type("echo play''back\n")
    eventually(lambda: any("playback" in printed(file) for file in files(room)), "it is written")
    asked.get_by_role("button", name="Stop recording").click()
    asked.get_by_text("asks to record").wait_for(state="detached")  # who said no is asked no more
    asked.wait_for(state="detached")

    after = teacher.locator(".lab-room__after")
    after.get_by_text("Recordings", exact=True).click()
    after.get_by_role("rowheader", name="Zoë").wait_for()
    with teacher.expect_download() as came:
        after.get_by_text("Export", exact=True).click()
        after.get_by_role("link", name="Learners (CSV)").click()
    (row,) = csv.DictReader(io.StringIO(came.value.path().read_text("utf-8-sig")))
    assert row["name"] == "Zoë" and came.value.suggested_filename.endswith("-learners.csv")
    after.get_by_role("button", name=re.compile("Play Zoë, host")).click()
    player = teacher.get_by_role("dialog")
    player.locator(".ap-player").wait_for()
    shot(teacher, "player-before")
    player.locator(".ap-overlay-start, .ap-playback-button").first.click()
    teacher.locator(".ap-term", has_text="playback").wait_for()
    looks(teacher, "player", "dialog")
    teacher.keyboard.press("Escape")
    after.get_by_text("Log", exact=True).click()
    after.get_by_text("played a recording of Zoë").wait_for()
    after.scroll_into_view_if_needed()
    looks(teacher, "after")

    learner.locator(".lab-class-chip", has_text="Recorded").click()
    mine = learner.get_by_role("dialog")
    mine.get_by_role("button", name="Delete my recording").wait_for()
    mine.get_by_text("My recording", exact=True).click()
    mine.get_by_role("button", name="Play host").click()
    player = learner.get_by_role("dialog", name=re.compile("^Recorded: host"))
    player.locator(".ap-overlay-start, .ap-playback-button").first.click()
    learner.locator(".ap-term", has_text="playback").wait_for()
    looks(learner, "own", "dialog.lab-player")
    learner.keyboard.press("Escape")
    looks(learner, "mine", "dialog")
    mine.get_by_role("button", name="Delete my recording").click()
    mine.get_by_role("status").filter(has_text="Your recordings are deleted").wait_for()
    assert files(room) == []
