"""The scripted class on `labs serve`: the real supervisor, web and spawner, with real sandboxes where this host can make them."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_server.lessons import catalog
from lab_server.settings import ROOT, load
from lab_server.store import accounts, passwords
from lab_server.store.engine import Store
from tests.classroom.hour import Hour
from tests.classroom.people import Staff
from tests.contract.conftest import DATA, lacking
from tests.faults import hosting
from tests.web import processes
from tests.web.processes import Serving

PUPILS, WORKING = 60, 12
NAME, PASSWORD = "Ina", "correct horse battery staple"


@pytest.fixture
def serving() -> Iterator[Serving]:
    """On a folder in which an overlay's upper layer can lie; every sandbox is somebody's."""
    driver = "pty" if lacking("crun") else "crun"
    DATA.mkdir(parents=True, exist_ok=True)
    data = Path(tempfile.mkdtemp(prefix="class-", dir=DATA))
    if (DATA / "images").is_dir():
        (data / "images").symlink_to(DATA / "images")
    made = processes.start(data, driver, 0, {"LABS_WARM": "0", "LABS_ADDRESS_SOCKETS": "1000"})
    try:
        hosting.until_ready(made)
        yield made
    finally:
        made.stop()
        assert not hosting.left(data), f"left: {hosting.left(data)}"
        shutil.rmtree(data, ignore_errors=True)


async def account(url: str) -> None:
    """As `labs admin create` makes it."""
    store = Store(url)
    try:
        async with store.write() as at:
            await accounts.make(at, NAME, passwords.hashed(PASSWORD), False, time.time())
    finally:
        await store.close()


def test_a_class_of_sixty(serving: Serving) -> None:
    asyncio.run(account(load(data=serving.data).database_url))
    lesson = next(one for one in catalog.load(ROOT).lessons if "host" in one.sessions)
    staff = Staff(serving.origin, NAME, PASSWORD)
    Hour(serving.origin, staff, lesson.id, "host", PUPILS, WORKING, print).hold()
