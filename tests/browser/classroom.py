"""A course with classes in it, for a browser: the real web server and the real site, with PtyDriver for a driver (no guest).

Knows how it is started, and how accounts and progress get into it. Doesn't know pages. The server runs in threads of this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from lab_server.build import page
from lab_server.build.site import RELOAD, build_site
from lab_server.lessons import catalog
from lab_server.lessons.catalog import Lesson
from lab_server.sandbox.spawner import Spawner
from lab_server.settings import ROOT, load
from lab_server.store import accounts, learners, members, passwords, progress
from lab_server.store.engine import Store
from lab_server.store.progress import Outcome
from tests.conftest import Server
from tests.fakes import PtyDriver

T = TypeVar("T")
WORDS = "correct horse battery staple"


@contextlib.contextmanager
def classroom(place: Path, **given: str) -> Iterator[Server]:
    """Everything it keeps is below `place`; `given`: more settings."""
    settings = load(data=place / "data", **given)
    settings.web_data.mkdir(parents=True)
    page.build_page(ROOT, lambda part, words: None)
    build_site(ROOT, settings.site, lambda part, words: None, watching=True)  # not compressed
    for file in settings.site.rglob("*.html"):
        file.write_text(file.read_text().replace(RELOAD, ""))
    driver, lessons = PtyDriver(), catalog.load(ROOT)
    spawner = Spawner(driver, catalog.templates(lessons), [], settings.socket, reason="it is a test")
    spawning = threading.Thread(target=spawner.serve, daemon=True)
    spawning.start()
    server = Server(settings, driver, spawner, spawning, lessons)
    server.start_web()
    try:
        yield server
    finally:
        server.stop()


def run(act: Coroutine[Any, Any, T]) -> T:
    """In a thread: Playwright's own loop has this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, act).result()


def account(server: Server, name: str, admin: bool = False) -> None:
    """Make an account whose password is WORDS, as `labs admin create` does it."""

    async def make() -> None:
        async with opened(server) as store, store.write() as at:
            await accounts.make(at, name, passwords.hashed(WORDS), admin, time.time())

    run(make())


def worked(server: Server, of: str, share: dict[str, float]) -> None:
    """Name of a member of the class → how much of every lesson they have done, 0…1: kept as the page's calls keep it."""

    async def keep() -> None:
        async with opened(server) as store, store.write() as at:
            for member in await members.of_class(at, of):
                await learners.touch(at, member.learner, time.time())
                for lesson in server.course.lessons:
                    things = _things(lesson)
                    for kind, item, detail in things[: round(share.get(member.name, 0) * len(things))]:
                        key = (lesson.id, kind, item)
                        await progress.keep(at, member.learner, key, Outcome.RIGHT, detail, time.time())

    run(keep())


def _things(lesson: Lesson) -> list[tuple[str, str, dict[str, Any]]]:
    """(kind, item, what is kept of it) for everything that can be done in a lesson, in its order but for the kinds."""
    steps = [f"{block.id}/{step.n}" for block in lesson.blocks for step in block.steps]
    found: list[tuple[str, str, dict[str, Any]]] = [("step", item, {"matches": True, "exit": 0}) for item in steps]
    found += [("task", task.name, {}) for task in lesson.tasks]
    for question in (question for quiz in lesson.quizzes for question in quiz.questions):
        found.append(("question", question.id, {"picked": [one.id for one in question.options if one.right]}))
    return found


@contextlib.asynccontextmanager
async def opened(server: Server) -> Any:
    store = Store(server.settings.database_url)
    try:
        yield store
    finally:
        await store.close()
