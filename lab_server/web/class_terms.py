"""How long the sandboxes of a class's learners last: the host's terms, and what the open classes of each learner make of them.

Knows the store's classes, and remembers those of the learners it was asked to. Doesn't know leases: who has one is told, and what
follows for it is asked (`of`). A class opens and closes by the clock, so what follows may change without anything being written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from lab_server.errors import LabError
from lab_server.store import members
from lab_server.store.classes import OPEN, Class
from lab_server.store.engine import Store
from lab_server.web.clock import Clock
from lab_server.web.terms import Terms

log = structlog.get_logger()
READ_AGAIN = 0.1  # seconds; many changes at once are read once


class ClassTerms:
    """`holders` names the learners that have a sandbox; `learned` is called when something of theirs was read."""

    def __init__(self, store: Store, host: Terms, clock: Clock) -> None:
        self._store, self.host, self._clock = store, host, clock
        self._known: dict[str, tuple[Class, ...]] = {}  # of learners who are in a class
        self._wanted: set[str] = set()
        self._all = False
        self._reading: asyncio.Task[None] | None = None
        self.holders: Callable[[], Iterable[str]] = lambda: ()
        self.learned: Callable[[], None] = lambda: None

    def of(self, learner: str) -> Terms:
        """As far as is known: the host's, until the learner's classes have been read."""
        now = self._clock.wall()
        return self.host.within([one.limits for one in self._known.get(learner, ()) if one.state(now) == OPEN])

    def want(self, learner: str) -> None:
        """The learner has a sandbox: read their classes, soon."""
        self._wanted.add(learner)
        self._read()

    def changed(self) -> None:
        """A class changed, or who is in one."""
        self._all = True
        self._read()

    def _read(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._soon())

    async def _soon(self) -> None:
        while self._wanted or self._all:
            if self._all:
                await asyncio.sleep(READ_AGAIN)
                self._wanted.update(self.holders())
            wanted, self._wanted, self._all = self._wanted, set(), False
            try:
                async with self._store.read() as at:
                    found = await members.classes_of(at, sorted(wanted))
            except LabError as why:  # they stay as they were; the next change reads them
                log.warning("what classes say of sandboxes could not be read", why=str(why))
                return
            there = set(self.holders()) | wanted
            self._known = {one: classes for one, classes in self._known.items() if one in there - wanted}
            self._known |= {one: tuple(classes) for one, classes in found.items()}
            self.learned()

    async def close(self) -> None:
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
