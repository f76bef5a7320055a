"""The database: opened by its address, brought up to date, and transactions on it.

Knows SQLite's and PostgreSQL's ways to be opened and locked. Doesn't know what is kept. A store that can't be opened is
tried again whenever somebody needs it, so that a database which comes late, or goes for a while, needs no restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from lab_server.errors import BadInput, StoreFailed
from lab_server.store import migrations
from lab_server.store.failures import held, told

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}
EXAMPLES = "It is like sqlite:////var/lib/labs/course.sqlite3 or postgresql://user:password@host/name."
BUSY = 5.0  # seconds to wait for another process that writes the same SQLite file
CONNECT, ANSWER = 5.0, 10.0  # seconds for PostgreSQL to be reached, and for it to answer
RETRY = 3.0  # seconds in which a store that could not be opened isn't tried again


def address(url: str) -> URL:
    """The address with its driver filled in. Raises BadInput, in whose words there is no password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        raise BadInput("The address in LABS_DATABASE can't be read.", EXAMPLES) from None
    driver = DRIVERS.get(parsed.get_backend_name())
    if driver is None or parsed.drivername not in (parsed.get_backend_name(), driver):
        raise BadInput(
            f"LABS_DATABASE names a kind of database that is not known: {parsed.drivername[:40]!r}.", EXAMPLES
        )
    parsed = parsed.set(drivername=driver)
    if driver == DRIVERS["sqlite"]:
        if not parsed.database or parsed.database == ":memory:" or parsed.query or parsed.host:
            raise BadInput("The address of an SQLite database (LABS_DATABASE) is that of a file.", EXAMPLES)
        return parsed
    if not parsed.database:
        raise BadInput("The address of a PostgreSQL database (LABS_DATABASE) needs its name.", EXAMPLES)
    if "sslmode" in parsed.query:  # libpq's name for it
        parsed = parsed.difference_update_query(["sslmode"]).update_query_dict({"ssl": parsed.query["sslmode"]})
    return parsed


class Store:
    """Use it between `open` and `close`. `read` and `write` raise StoreFailed; so does `open`."""

    def __init__(self, url: str) -> None:
        """Raises BadInput for an address that can't be used. Nothing is opened yet."""
        self._url = address(url)
        self._sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _sqlite(self._url) if self._sqlite else _postgres(self._url)
        self._writers = self._engine.execution_options(labs_write=True)
        self._opening = asyncio.Lock()
        self._written = 0  # transactions that came to their end, kept or not
        self._turn = asyncio.Lock()  # SQLite has one writer at a time: wait here, not in a thread
        self._is_open = False
        self._failed: tuple[float, StoreFailed] | None = None

    async def open(self) -> None:
        """Reach the database and bring it up to date. Does nothing when that was done."""
        if self._is_open:
            return
        async with self._opening:
            if self._is_open:
                return
            if self._failed and time.monotonic() - self._failed[0] < RETRY:
                raise StoreFailed(self._failed[1].message, self._failed[1].remedy)
            try:
                with told(self._url):
                    await self._bring_up()
            except StoreFailed as why:
                self._failed = (time.monotonic(), why)
                raise
            self._is_open, self._failed = True, None

    async def _bring_up(self) -> None:
        if self._sqlite:
            _private(Path(str(self._url.database)))
        async with self._engine.connect() as connection:
            # a table that is made anew is dropped first, which must not take the rows that refer to it along
            connection = await connection.execution_options(labs_write=True)
            if self._sqlite:
                await connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                await connection.commit()
            try:
                async with connection.begin():
                    await connection.run_sync(migrations.upgrade)
            finally:
                if self._sqlite:
                    await connection.invalidate()  # the next one has foreign keys on again

    async def close(self) -> None:
        await self._engine.dispose()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        await self.open()
        with told(self._url):
            async with self._engine.begin() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes: all of it, or nothing when an exception leaves it."""
        await self.open()
        async with self._my_turn() if self._sqlite else contextlib.nullcontext():
            with told(self._url):
                async with self._writers.begin() as connection:
                    yield connection

    @contextlib.asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        """Behind all before, as long as theirs get on: a class that joins at once is written one by one. Where none did for as long as
        SQLite waits for another process, that process has the file, and each would wait for it behind all before."""
        turn = asyncio.ensure_future(self._turn.acquire())
        try:
            while not turn.done():
                before = self._written
                await asyncio.wait({turn}, timeout=BUSY)
                if not turn.done() and self._written == before:
                    raise StoreFailed(*held(self._url))
        except BaseException:
            if not turn.cancel():
                self._turn.release()  # it came meanwhile
            raise
        done = 1
        try:
            yield
        except StoreFailed:
            done = 0
            raise
        finally:
            self._written += done
            self._turn.release()


def _private(file: Path) -> None:
    """An SQLite file that only its owner reads; SQLite gives its two companions the same mode."""
    if not file.exists():
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _sqlite(url: URL) -> AsyncEngine:
    engine = create_async_engine(url, connect_args={"timeout": BUSY}, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` below does
        cursor = connection.cursor()
        # Who else opens a new file sets this just now, for which SQLite doesn't wait as it does for a writer: the mode is the file's.
        with contextlib.suppress(sqlite3.OperationalError):
            cursor.execute("PRAGMA journal_mode = WAL")
        for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # a transaction that reads first and then writes fails when another wrote between, however long it may wait
        writes = connection.get_execution_options().get("labs_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_timeout=ANSWER,
        pool_pre_ping=True,
        connect_args={"timeout": CONNECT, "command_timeout": ANSWER},
        hide_parameters=True,
    )
