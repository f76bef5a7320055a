"""Sees to it that what applies in classes holds, for sandboxes and on pages: who is paused stands still, an end that was announced comes.

Knows what is kept of each class (applies.py), and both clocks. Doesn't know who asked for it, or may (conduct.py). It goes by what is in
the store, so a server that starts anew does what this one would have done.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import LabError, NotFound
from lab_server.lessons.catalog import Catalog
from lab_server.store import classes, members
from lab_server.store.classes import OPEN, Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web import applies
from lab_server.web.ends import Ends
from lab_server.web.freezer import Freezer
from lab_server.web.room import Room, Rooms
from lab_server.web.sessions import Leases

log = structlog.get_logger()

TICK = 1.0  # seconds between two looks at the clock
READ_EVERY = 15.0  # seconds after which what is kept is read again, though nobody said that it changed
PAUSED_MOST = 4 * 3600.0  # seconds: who paused a class and went home has nobody's sandbox stand still for ever
SETTLES = 5.0  # seconds that is waited for sandboxes to stand still, or to go on
NEWS = 12 * 3600.0  # seconds for which a learner is told that their sandbox was reset
SEVERAL = 8  # sandboxes ended at once


class Caretaker:
    """One for the whole server; use it between `open` and `close`. Adds itself to what rooms tell."""

    def __init__(self, catalog: Catalog, store: Store, rooms: Rooms, leases: Leases, freezer: Freezer) -> None:
        self._catalog, self._store, self._rooms = catalog, store, rooms
        self._leases, self._freezer, self._clock = leases, freezer, leases.clock
        self._ends = Ends(self._clock)
        self._there: list[Class] = []  # where something applies, as it was last read
        self._paused: dict[str, float] = {}  # class → since when, by the running clock
        self._told: dict[str, object] = {}  # class in whose room somebody is → what the clock changes in it
        self._changed = asyncio.Event()
        self._reading, self._acting = asyncio.Lock(), asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.learned: Callable[[list[Class]], None] = lambda there: None  # told what applies, whenever it was read
        rooms.tellers.append(self._tell)
        rooms.staff_tellers.append(lambda room: self.holds(room.of) if room.of else {})

    async def open(self) -> None:
        """Before the first sandbox is known: whose class is paused loses no time."""
        with contextlib.suppress(LabError):
            await self._read()
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # --- what holds ---

    def holds(self, of: Class) -> dict[str, object]:
        """{"message", "here", "paused", "closes_in", "ending", "present"}, for everybody in the class."""
        paused, ending = applies.paused(of, self._clock.wall()), applies.ending(of)
        shown = applies.presented(of, self._clock.wall())
        return {
            "message": of.room.get("message"),
            "here": applies.here(of, self._catalog),
            "paused": paused,
            "closes_in": self._ends.told(of),
            "ending": {"by": ending["by"], "at": ending["since"]} if ending else None,
            "present": {key: shown[key] for key in ("by", "at", "session")} if shown else None,
        }

    def _tell(self, room: Room, member: Member) -> Mapping[str, object]:
        assert room.of
        reset = room.of.room.get("resets", {}).get(member.id)
        news = reset is not None and abs(self._clock.wall() - reset["at"]) < NEWS
        return self.holds(room.of) | {"reset": reset if news else None}

    # --- what changed ---

    def changed(self, id: str) -> None:
        """A class, or who is in it, did."""
        self._changed.set()

    async def follow(self, id: str) -> None:
        """What applies in the class was written: have it hold. Returns when sandboxes do what they should, or a little later."""
        self._rooms.changed(id)
        with contextlib.suppress(LabError):  # a later look reads it
            await self._read()
        await self._freezer.settled(SETTLES)

    async def _read(self) -> None:
        """What applies where, and so whose sandbox stands still. Raises StoreFailed: all stays as it is then."""
        async with self._reading:
            self._changed.clear()
            async with self._store.read() as at:
                there = await classes.conducted(at)
                now, running = self._clock.wall(), self._clock.running()
                paused = [of.id for of in there if applies.paused(of, now)]
                owners = {one.learner for id in paused for one in await members.of_class(at, id)}
            self._paused = {id: self._paused.get(id, running) for id in paused}
            self._there = there
            self._ends.keep(of.id for of in there)
            self._freezer.want(owners)
            self.learned(there)

    # --- by the clock ---

    async def _run(self) -> None:
        read = self._clock.running()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._changed.wait()
            try:
                if self._changed.is_set() or self._clock.running() - read >= READ_EVERY:
                    read = self._clock.running()
                    await self._read()
                await self.tick()
            except Exception as why:  # the next look may be better: nobody else looks at the clock
                log.warning(
                    "rooms could not be looked after", exc_info=None if isinstance(why, LabError) else why, why=str(why)
                )
                await asyncio.sleep(TICK)

    async def tick(self) -> None:
        """End what is due, let go on what nobody would think of, and wake pages where the clock has changed something."""
        now, running = self._clock.wall(), self._clock.running()
        for of in list(self._there):
            if self._ends.left(of) == 0:
                await self.finish(of.id)
            elif of.room.get("paused") and (
                of.state(now) != OPEN or running - self._paused.get(of.id, running) > PAUSED_MOST
            ):
                async with self._store.write() as at:
                    await classes.conduct(at, of.id, {"paused": None})
                await self.follow(of.id)
        told = {
            room.id: (room.of.state(now), applies.closing(room.of, now) is None)
            for room in self._rooms.all()
            if room.of
        }
        for id in told:
            if self._told.get(id, told[id]) != told[id]:
                self._rooms.stir(id)
        self._told = dict(told)

    async def finish(self, id: str) -> None:
        """The end of a class has come. Sandboxes go first, so that one who is interrupted begins again. Raises StoreFailed."""
        async with self._acting:
            async with self._store.read() as at:
                try:
                    of = await classes.get(at, id)
                except NotFound:
                    return
                if self._ends.left(of) != 0:
                    return  # called off, or put off
                leaving = [one.learner for one in await members.of_class(at, id) if not await self._elsewhere(at, one)]
            await self._leases.known.wait()
            several = asyncio.Semaphore(SEVERAL)

            async def dismiss(learner: str) -> None:
                async with several:
                    await self._leases.dismiss(learner)

            await asyncio.gather(*map(dismiss, leaving))
            async with self._store.write() as at:
                await classes.conduct(at, id, dict.fromkeys(applies.ALL), closed=True)  # whatever a clock says
        log.info("class ended", room=id, learners=len(leaving))
        await self.follow(id)

    async def _elsewhere(self, at: AsyncConnection, one: Member) -> bool:
        """Whether the learner is in another class that is open."""
        now = self._clock.wall()
        return any(of.id != one.of and of.state(now) == OPEN for _, of in await members.of_learner(at, one.learner))
