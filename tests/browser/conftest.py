"""The course as a learner has it (course.py), and a real Chromium that may not leave the origin."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.chromium import CHROMIUM, QUIET
from tests.browser.classroom import account, classroom
from tests.browser.course import DATA, Course, served
from tests.conftest import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no Chromium: apt-get install chromium"))
            elif "course" in getattr(item, "fixturenames", ()) and not (DATA / "images/manifest.json").exists():
                item.add_marker(pytest.mark.skip(reason=f"nothing is built in {DATA}: labs build"))


@pytest.fixture(scope="session")
def course() -> Iterator[Course]:
    with served() as made:
        yield made


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


Open = Callable[..., Page]
ANY = ""  # part of every error on the console


@contextlib.contextmanager
def watched(browser: Browser, url: str, known: str = "\0", patience: float = 60_000) -> Iterator[Open]:
    """Makes pages of the course at `url`; at the end it fails on what left the origin, on what a script did not catch, and on errors
    of the console without `known` in them."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def request(asked: Request) -> None:
        if not asked.url.startswith((url, url.replace("http", "ws"), "data:", "blob:")):
            wrong.append(f"a request left the origin: {asked.url}")

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and known not in message.text:
            wrong.append(f"console: {message.text}")

    def make(path: str = "/", **options: object) -> Page:
        context = browser.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(patience)  # milliseconds
        contexts.append(context)
        page = context.new_page()
        page.on("request", request)
        page.on("console", console)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.goto(url + path)
        return page

    yield make
    for context in contexts:
        context.close()
    assert not wrong, wrong


@pytest.fixture
def open_page(browser: Browser, course: Course) -> Iterator[Open]:
    """open_page("/concepts/…/", color_scheme="dark", viewport={…}): a page of the course."""
    with watched(browser, course.url) as make:
        yield make


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A course with an instructor called Ina, for one file's tests: classes, and no guest."""
    with classroom(tmp_path_factory.mktemp("room")) as server:
        account(server, "Ina")
        yield server


@pytest.fixture
def visit(browser: Browser, room: Server) -> Iterator[Open]:
    """visit("/room/", color_scheme=…): each a browser of its own. Its console may tell of refused calls: tests make them."""
    with watched(browser, room.origin, ANY) as make:
        yield make
