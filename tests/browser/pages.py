"""What an instructor and a learner do on their pages, as more than one test does it. Doesn't know what a test looks for."""

from __future__ import annotations

import os
import re

from playwright.sync_api import Locator, Page

from tests.browser.classroom import WORDS

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def sign_in(page: Page, words: str = WORDS, name: str = "Ina") -> None:
    """By keyboard alone: the name has the focus."""
    page.locator("input[autocomplete=username]:focus").wait_for()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(words)
    page.keyboard.press("Enter")


def make_class(page: Page, title: str) -> str:
    """From the list of classes; the code."""
    page.get_by_role("button", name="New class").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill(title)
    dialog.get_by_role("button", name="Make the class").click()
    page.wait_for_url(re.compile(r"/room/[0-9a-f]+$"))
    page.locator("h1", has_text=title).wait_for()
    return page.locator(".lab-room__code").inner_text()


def join(page: Page, name: str) -> None:
    """From the page of a class's code."""
    page.get_by_label("Your name in this class").fill(name)
    page.keyboard.press("Enter")
    page.locator(".lab-room__in").wait_for()


def row(page: Page, part: str) -> Locator:
    """A row of the bar that a learner has on top of a lesson."""
    return page.locator(f".lab-classbar__row[data-part={part}]")


def picture(page: Page, name: str) -> None:
    """To be looked at, where LABS_PICTURES says where to."""
    if place := os.environ.get("LABS_PICTURES"):
        page.screenshot(path=f"{place}/{name}.png")
