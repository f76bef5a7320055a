"""Leases, written down: in the store sooner or later, and read back once when the server starts.

Knows rows and the store. Doesn't know sandboxes or deadlines. Nobody waits for it: a database that is away is tried again, and
what would have been written meanwhile is written as it is then.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable

import structlog

from lab_server.errors import StoreFailed
from lab_server.store import leases as kept
from lab_server.store.engine import Store
from lab_server.store.leases import Lease as Row

log = structlog.get_logger()

BEAT = 60.0  # seconds between two notes of how long every lease has left
RETRY_FIRST, RETRY_MOST = 3.0, 60.0  # seconds until a database that failed is tried again
LAST_WITHIN = 2.0  # seconds for a last write when the server stops
GATHER = 0.2  # seconds in which changes are gathered into one transaction
KEPT_FOR = 7 * 24 * 3600.0  # seconds that a lease is remembered after its end, so that its learner is told why


class Ledger:
    """`rows` gives every lease as it is now, by id; `restored` is told once what an earlier server wrote."""

    def __init__(
        self,
        store: Store,
        rows: Callable[[], dict[str, Row]],
        restored: Callable[[list[Row]], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._rows, self._restored, self._wall = store, rows, restored, wall
        self._changed = asyncio.Event()
        self._dirty: set[str] = set()
        self._dropped: set[str] = set()
        self._silent: set[str] = set()
        self._there: set[str] = set()  # rows that are in the store
        self._read = False
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """A last try to write what there is."""
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._read:
            with contextlib.suppress(StoreFailed, TimeoutError):
                async with asyncio.timeout(LAST_WITHIN):
                    await self.flush(beat=True)

    def note(self, id: str) -> None:
        """This lease has changed."""
        self._dirty.add(id)
        self._dropped.discard(id)
        self._changed.set()

    def drop(self, ids: Iterable[str]) -> None:
        """These leases are to be forgotten."""
        self._dropped.update(ids)
        self._dirty -= self._dropped
        self._silent -= self._dropped
        self._changed.set()

    async def silence(self, ids: Iterable[str]) -> None:
        """Never write these leases again. When it returns nothing of them is under way."""
        self._silent.update(ids)
        async with self._writing:
            pass

    async def _run(self) -> None:
        pause, told, due = RETRY_FIRST, False, asyncio.get_running_loop().time() + BEAT
        while True:
            loop = asyncio.get_running_loop()
            try:
                await self.flush(beat=loop.time() >= due)
            except Exception as why:
                if not isinstance(why, StoreFailed):
                    log.exception("leases can't be written down")
                    told = True
                if not told:
                    log.error("leases can't be written down; they go on", why=str(why))
                told = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_MOST)
                continue
            pause, told = RETRY_FIRST, False
            if loop.time() >= due:
                due = loop.time() + BEAT
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, due - loop.time())):
                    await self._changed.wait()
            await asyncio.sleep(GATHER)

    async def flush(self, beat: bool = False) -> None:
        """Read what was there, the first time; then write what changed, or everything on a `beat`. Raises StoreFailed."""
        async with self._writing:
            await self._restore()
            self._changed.clear()
            rows, dirty, self._dirty = self._rows(), self._dirty, set()
            dropped = set(self._dropped)
            rows = {id: row for id, row in rows.items() if id not in self._silent}
            new = [row for id, row in rows.items() if id in dirty and id not in self._there]
            old = [row for id, row in rows.items() if id in self._there and (beat or id in dirty)]
            if not (beat or new or old or dropped):
                return
            try:
                async with self._store.write() as at:
                    await kept.keep(at, new)
                    await kept.note(at, old)
                    await kept.drop(at, dropped)
                    if beat:
                        await kept.purge(at, self._wall() - KEPT_FOR)
            except BaseException:
                self._dirty |= dirty - self._dropped
                raise
            self._there = (self._there | {row.id for row in new}) - dropped
            self._dropped -= dropped

    async def _restore(self) -> None:
        if self._read:
            return
        async with self._store.read() as at:
            there = await kept.every(at)
        self._read = True
        self._there = {row.id for row in there}
        self._restored(there)
