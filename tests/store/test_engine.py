"""Opening a database, and what is said when it can't be used."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import text

from lab_server.errors import BadInput, StoreFailed
from lab_server.settings import ROOT
from lab_server.store import engine, learners
from lab_server.store.engine import Store, address
from tests.store.conftest import PASSWORD, Postgres


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("sqlite:////var/lib/course.sqlite3", "sqlite+aiosqlite:////var/lib/course.sqlite3"),
        ("sqlite+aiosqlite:///course.sqlite3", "sqlite+aiosqlite:///course.sqlite3"),
        ("postgresql://ann:pw@db/course", "postgresql+asyncpg://ann:pw@db/course"),
        ("postgres://db:5433/course", "postgresql+asyncpg://db:5433/course"),
        ("postgresql+asyncpg://db/course", "postgresql+asyncpg://db/course"),
        ("postgresql://db/course?sslmode=require", "postgresql+asyncpg://db/course?ssl=require"),
        ("postgresql:///course?host=/run/pg", "postgresql+asyncpg:///course?host=%2Frun%2Fpg"),
    ],
)
def test_an_address_gets_its_driver(given: str, url: str) -> None:
    assert address(given).render_as_string(hide_password=False) == url


@pytest.mark.parametrize(
    "given",
    [
        "",
        "course.sqlite3",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=ro&uri=true",
        "sqlite+pysqlcipher:///x",
        "mysql://ann:s3cret@db/course",
        "postgresql+psycopg://ann:s3cret@db/course",
        "postgresql://ann:s3cret@db",
        "postgresql://ann:s3cret@db:port/course",
    ],
)
def test_an_address_that_is_none(given: str) -> None:
    with pytest.raises(BadInput) as why:
        Store(given)
    assert "s3cret" not in str(why.value) and why.value.remedy


async def failure(url: str) -> StoreFailed:
    store = Store(url)
    try:
        with pytest.raises(StoreFailed) as why:
            await store.open()
        return why.value
    finally:
        await store.close()


def modes(folder: Path) -> dict[str, int]:
    return {one.name: one.stat().st_mode & 0o777 for one in folder.iterdir()}


async def test_an_sqlite_file_is_private_and_in_wal_mode_with_foreign_keys(tmp_path: Path) -> None:
    file = tmp_path / "course.sqlite3"
    store = Store(f"sqlite:///{file}")
    await store.open()
    try:
        async with store.write() as at:
            await learners.touch(at, "ann", 1)
            assert modes(tmp_path) == {f"course.sqlite3{end}": 0o600 for end in ("", "-wal", "-shm")}
            for pragma, value in {
                "journal_mode": "wal",
                "foreign_keys": 1,
                "synchronous": 1,
                "busy_timeout": 5000,
            }.items():
                assert (await at.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one() == value
    finally:
        await store.close()


async def test_what_an_sqlite_file_can_be_wrong_with(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, however long it is. " * 100)
    (tmp_path / "folder").mkdir()
    for name, words in {
        "nowhere/x": "can't be opened",
        "folder": "can't be opened",
        "text": "no SQLite database",
    }.items():
        why = await failure(f"sqlite:///{tmp_path}/{name}")
        assert words in why.message and str(tmp_path / name) in why.message and why.remedy
        assert "LABS_DATABASE" in why.remedy or "folder" in why.remedy


AS_NOBODY = """
import asyncio, os, sys
from lab_server.errors import StoreFailed
from lab_server.store import learners
from lab_server.store.engine import Store

async def write(file):
    store = Store(f"sqlite:///{file}")
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
    await store.close()

async def main(file):
    await write(file)
    for end in ("", "-wal", "-shm"):
        if os.path.exists(file + end):
            os.chmod(file + end, 0o444)
    os.setgid(65534)
    os.setuid(65534)
    try:
        await write(file)
    except StoreFailed as why:
        print(why)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_an_sqlite_file_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        argv = [sys.executable, "-c", AS_NOBODY, f"{folder}/course.sqlite3"]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert "can't be written" in done.stdout and "must belong" in done.stdout, done.stdout + done.stderr


async def test_a_store_that_comes_late_needs_no_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(f"sqlite:///{tmp_path}/late/course.sqlite3")
    with pytest.raises(StoreFailed):
        await store.open()
    (tmp_path / "late").mkdir()
    with pytest.raises(StoreFailed, match="can't be opened"):  # not tried again at once
        async with store.read():
            pass
    monkeypatch.setattr(engine, "RETRY", 0.0)
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
    await store.close()


async def test_another_process_that_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY", 0.1)
    store = Store(f"sqlite:///{tmp_path}/course.sqlite3")
    await store.open()
    with contextlib.closing(sqlite3.connect(tmp_path / "course.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with store.read() as at:  # readers go on
            assert await learners.find(at, "ann") is None
        with pytest.raises(StoreFailed, match="held by another process"):
            async with store.write() as at:
                await learners.touch(at, "ann", 1)
        other.execute("ROLLBACK")
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
    await store.close()


async def test_who_waits_behind_others_that_get_on_is_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that joins at once, on a slow disk. Bad fake: a time limit on the line, which refused the last of them."""
    monkeypatch.setattr(engine, "BUSY", 0.2)
    store = Store(f"sqlite:///{tmp_path / 'course.sqlite3'}")
    begun: list[int] = []

    async def slow(n: int) -> None:
        async with store.write() as at:
            begun.append(n)
            await learners.touch(at, f"learner{n}", 1.0)
            await asyncio.sleep(0.15)  # the disk

    try:
        await store.open()
        await asyncio.gather(*(slow(n) for n in range(6)))
        assert begun == list(range(6)), "first come, first served"
        given_up = asyncio.create_task(slow(7))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        await slow(8)  # nobody holds the line who has left it
    finally:
        await store.close()


# --- PostgreSQL ---


async def test_postgres_by_password(postgres: Postgres) -> None:
    store = Store(postgres.tcp_url(postgres.new_database()))
    await store.open()
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
    await store.close()


async def test_what_postgres_can_be_wrong_with(postgres: Postgres) -> None:
    there = postgres.new_database()
    postgres.sql(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    closed = postgres.tcp_url(there).replace(f":{postgres.port}/", ":1/")
    for url, words in {
        postgres.tcp_url(there, password="wr0ng"): "refuses the user or the password",
        postgres.tcp_url(there, user="nobody-there", password="wr0ng"): "refuses the user or the password",
        postgres.tcp_url("nowhere"): "is not there",
        postgres.tcp_url(there, user="reader"): "does not let this user write",
        closed: "can't be reached",
        f"postgresql://labs:{PASSWORD}@nowhere.invalid/course": "can't be reached",
        "postgresql:///course?host=/nowhere": "can't be reached",
    }.items():
        why = await failure(url)
        assert words in why.message and why.remedy, why
        told = str(why) + repr(why)
        assert PASSWORD not in told and "wr0ng" not in told


async def test_a_postgres_that_was_restarted_is_reached_again(postgres: Postgres) -> None:
    store = Store(postgres.socket_url(postgres.new_database()))
    await store.open()
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
    postgres.stop()
    try:
        with pytest.raises(StoreFailed, match=r"can't be reached|shutting down"):
            async with store.read() as at:
                await at.execute(text("SELECT 1"))
    finally:
        postgres.start()
    async with store.read() as at:
        assert await learners.find(at, "ann") is not None
    await store.close()
