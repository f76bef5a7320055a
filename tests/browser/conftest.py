"""The course as a learner has it: `labs serve` with the driver of this host, and a real Chromium that may not leave the origin."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from tests.browser.classroom import account, classroom
from tests.conftest import Server

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LABS_DATA") or ROOT / ".labs")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
READY_WITHIN = 300.0  # seconds: a site that is stale is built first
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no Chromium: apt-get install chromium"))
            elif "course" in getattr(item, "fixturenames", ()) and not (DATA / "images/manifest.json").exists():
                item.add_marker(pytest.mark.skip(reason=f"nothing is built in {DATA}: labs build"))


@dataclass
class Course:
    url: str
    log: list[str]
    process: subprocess.Popen[str]
    data: Path


@pytest.fixture(scope="session")
def course() -> Iterator[Course]:
    """A server of our own on a free port. What is built is shared with LABS_DATA, what it keeps is not."""
    place = Path(tempfile.mkdtemp(prefix="browser-", dir=DATA))
    for built in ("images", "guest"):
        if (DATA / built).exists():
            (place / built).symlink_to(DATA / built)
    env = os.environ | {"LABS_DATA": str(place), "LABS_PORT": "0"}
    command = [sys.executable, "-m", "lab_server.cli", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            log.append(line.rstrip())
            if line.startswith("ready:"):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert ready.wait(READY_WITHIN), "\n".join(log[-30:])
        said = [line for line in log if line.startswith("ready:")]
        assert len(said) == 1, "\n".join(log[-30:])
        yield Course(said[0].split()[1].rstrip("/"), log, process, place)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


Open = Callable[..., Page]
ANY = ""  # part of every error on the console


@contextlib.contextmanager
def watched(browser: Browser, url: str, known: str = "\0") -> Iterator[Open]:
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
        context.set_default_timeout(60_000)
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
