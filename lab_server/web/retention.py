"""How long recordings and the audit log are kept: what is older goes, while the server runs and when it starts; so do files of
recordings that are gone.

Knows ages and ids. Doesn't know what is recorded. Ages go by the clock on the wall; when that was set, an hour passes before anything is
judged by it, in which it can be set right again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from lab_server.errors import LabError
from lab_server.store import audit, recordings
from lab_server.store.engine import Store
from lab_server.web.clock import Clock
from lab_server.web.tapes import Tapes

log = structlog.get_logger()

EVERY = 3600.0  # seconds between two looks
SOON = 1.0  # seconds after which files are looked at where something was deleted
RETRY = 30.0  # seconds until a database that failed is asked again
JUMP = 600.0  # seconds by which the two clocks may part between two looks
DAY = 86400.0


async def nothing() -> None:
    """Nobody wants to know."""


class Retention:
    """Use it between `open` and `close`. `swept` is awaited after files were removed."""

    def __init__(self, store: Store, tapes: Tapes, clock: Clock, recordings_days: float, audit_days: float) -> None:
        self._store, self._tapes, self._clock = store, tapes, clock
        self._recordings, self._audit = recordings_days * DAY, audit_days * DAY
        self._gap: float | None = None  # wall minus running, at the last look
        self._soon = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.swept: Callable[[], Awaitable[None]] = nothing

    def open(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def soon(self) -> None:
        """Something was deleted that may have had recordings."""
        self._soon.set()

    async def _run(self) -> None:
        due = 0.0
        while True:
            pause = EVERY
            try:
                if self._clock.running() >= due:
                    await self.look()
                    due = self._clock.running() + EVERY
                await self.sweep()
                pause = max(SOON, due - self._clock.running())
            except LabError as why:
                log.info("what is too old could not be dropped", why=str(why))
                pause = RETRY
            except Exception:
                log.exception("what is too old could not be dropped")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._soon.wait()
            self._soon.clear()
            await asyncio.sleep(SOON)

    async def look(self) -> None:
        """Drop what is too old. Raises StoreFailed."""
        now = self._clock.wall()
        gap = now - self._clock.running()
        jumped = self._gap is not None and abs(gap - self._gap) > JUMP
        self._gap = gap
        if jumped:
            log.warning("the clock was set: nothing is dropped for its age within an hour")
            return
        async with self._store.write() as at:
            await recordings.not_later(at, now)
            ended = await recordings.drop(at, now - self._recordings)
            entries = await audit.drop(at, now - self._audit)
        if ended or entries:
            log.info("what was too old is dropped", recordings=len(ended), audit=entries)

    async def sweep(self) -> None:
        """Remove the files of recordings that are gone. Raises StoreFailed."""
        files = await asyncio.to_thread(self._tapes.ids)  # before the rows: a row comes before its file
        if not files:
            return
        async with self._store.read() as at:
            gone = files - await recordings.ids(at)
        if gone:
            await asyncio.to_thread(self._tapes.remove, gone)
            await self.swept()
