"""The network goes under the page, while somebody types: each key arrives, once, in order. The page's clock runs ahead of ours, so
that ten minutes without a network are ten minutes of the page's tries, and not of the test's."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.course import Course
from tests.browser.test_page import LESSON, done, run, until_screen
from tests.faults.conftest import Tell, figure  # noqa: F401 -- a fixture
from tests.faults.proxy import Proxy

KEYS = "abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture
def proxy(course: Course) -> Iterator[Proxy]:
    with Proxy(course.url) as made:
        yield made


@pytest.fixture
def page(browser: Browser, proxy: Proxy) -> Iterator[Page]:
    """A lesson's page with a terminal that is open, in which `cat` writes what is typed into a file."""
    context = browser.new_context()
    context.set_default_timeout(60_000)
    made = context.new_page()
    made.clock.install()
    made.goto(proxy.origin + LESSON)
    run(made, "namespaces", 2)
    done(made, "namespaces", 2)
    made.locator("#lab-panel-host .xterm-helper-textarea").focus()
    made.keyboard.type("stty -echo; clear; echo re''ady; cat >/root/typed\n")
    until_screen(made, "ready")
    yield made
    context.close()


def joined(page: Page) -> None:
    page.locator('#lab-panel-host[data-link="open"]').wait_for()


def gone(page: Page) -> None:
    page.locator('#lab-panel-host:not([data-link="open"])').wait_for()


def all_typed_once(page: Page, typed: str) -> None:
    page.keyboard.press("Enter")
    page.keyboard.press("Control+d")
    page.keyboard.type("stty echo; clear; fold -w 36 /root/typed; grep -qx " + typed + " /root/typed && echo sa''me\n")
    until_screen(page, "same")


def told(kind: str, span: int, back: float) -> str:
    return f"Chromium, {kind} of {span} s: the page was joined {back:.1f} s after it was back; each key typed is there once"


@pytest.mark.parametrize("span", [1, 60, 600])
def test_typing_through_a_cut(page: Page, proxy: Proxy, figure: Tell, span: int) -> None:  # noqa: F811
    page.keyboard.type(f"before{KEYS}")
    proxy.cut()
    gone(page)
    page.keyboard.type(f"during{KEYS}")
    page.clock.run_for(span * 1000)
    page.keyboard.type(f"still{KEYS}")
    proxy.mend()
    back = time.monotonic()
    joined(page)
    back = time.monotonic() - back
    page.keyboard.type(f"after{KEYS}")
    all_typed_once(page, f"before{KEYS}during{KEYS}still{KEYS}after{KEYS}")
    figure(told("cut", span, back))


@pytest.mark.parametrize("span", [60, 600])
def test_typing_through_a_hole(page: Page, proxy: Proxy, figure: Tell, span: int) -> None:  # noqa: F811
    """Nobody tells the page; it has to find out, and not to wait for what it tried meanwhile."""
    page.keyboard.type(f"before{KEYS}")
    proxy.hole()
    page.keyboard.type(f"during{KEYS}")
    page.clock.run_for(span * 1000)
    gone(page)
    page.keyboard.type(f"still{KEYS}")
    proxy.fill()
    back = time.monotonic()
    joined(page)
    back = time.monotonic() - back
    page.keyboard.type(f"after{KEYS}")
    all_typed_once(page, f"before{KEYS}during{KEYS}still{KEYS}after{KEYS}")
    figure(told("hole", span, back))
