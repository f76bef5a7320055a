"""Which terminals are recorded: those of learners who agreed, in a class that asks for it and is open, for as long as both are so.

Knows consent as the store has it, terminals as the hub has them, and how much may be kept. Doesn't know HTTP, nor how long recordings
are kept (retention.py). What follows from these is compared again and again, so that no event is missed; consent that is taken back
ends a recording at once, whether or not the database can be reached.

    ring ──look, 20 a second──► Take ──written, once a second, in a thread──► <id>.cast
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

import structlog

from lab_server.errors import HostFull, LabError
from lab_server.store import recordings
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web import cast
from lab_server.web.bridge import Bridge
from lab_server.web.hub import Hub, Key
from lab_server.web.room import Room, Rooms
from lab_server.web.sessions import Leases
from lab_server.web.take import Take
from lab_server.web.tapes import Tapes

log = structlog.get_logger()

LOOK = 0.05  # seconds between two looks at the terminals that are recorded
WRITE = 1.0  # seconds between two writes
ASK = 5.0  # seconds between two looks at who agreed: a class closes by the clock, and nobody tells
RETRY = 3.0  # seconds until a database that failed is asked again
LAST_WITHIN = 5.0  # seconds for what is to be written when the server stops
FULL = "The recording ends here: it is as large as it may be"


def asks(of: Mapping[str, object], state: str) -> bool:
    """Whether a class with these `limits` asks its learners for a recording now."""
    return bool(of.get("record")) and state == "open"


class Recorder:
    """Use it between `open` and `close`, which comes before the hub's. `each`, `most`: bytes of a recording, and of all there are."""

    def __init__(
        self, store: Store, hub: Hub, leases: Leases, rooms: Rooms, tapes: Tapes, each: int, most: int
    ) -> None:
        self._store, self._hub, self._leases, self._tapes = store, hub, leases, tapes
        self._each, self._most, self._clock = each, most, leases.clock
        self._agreed: dict[str, list[Member]] = {}  # learner → as a member of which classes
        self._withdrawn: set[tuple[str, str]] = set()  # (class, learner): whatever the store says
        self._takes: dict[tuple[str, str], Take] = {}  # (member, terminal's name) → …
        self._done: set[tuple[str, str]] = set()  # those that are as large as they may be
        self._total = 0  # bytes of all files
        self._live: set[str] = set()  # ids of what goes on, or is being finished
        self._mended = False
        self._stale = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        hub.opened = self.opened
        rooms.tellers.append(self._tell)

    def open(self) -> None:
        self._loops = [asyncio.create_task(loop) for loop in (self._asking(), self._looking(), self._writing())]

    async def close(self) -> None:
        """Every recording ends; the next server begins others."""
        for task in self._loops:
            task.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        for key in list(self._takes):
            self._finish(key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WITHIN):
                await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- who agreed ---

    def stale(self) -> None:
        """A class, or who is in it, has changed: look soon."""
        self._stale.set()

    async def measure(self) -> None:
        """Count anew what there is: files were removed."""
        self._total = await asyncio.to_thread(self._tapes.total)

    async def _asking(self) -> None:
        while True:
            self._stale.clear()
            pause = ASK
            try:
                if not self._mended:
                    await self._mend()
                await self._ask()
            except LabError as why:  # unknown is not taken back: who agreed did so
                log.info("who agreed to be recorded can't be looked up", why=str(why))
                self._mended, pause = False, RETRY
            except Exception:
                log.exception("recordings could not be looked after")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stale.wait()

    async def _mend(self) -> None:
        """Finish recordings that an earlier server did not, or that the database was away for."""
        self._mended = True
        async with self._store.read() as at:
            found = await recordings.unfinished(at)
        for one in [one for one in found if one.id not in self._live]:
            size, last = await asyncio.to_thread(self._tapes.mend, one.id)
            async with self._store.write() as at:
                await recordings.finish(at, one.id, one.begun + last, size)
        await self.measure()

    async def _ask(self) -> None:
        async with self._store.read() as at:
            found = await recordings.agreed(at)
        now = self._clock.wall()
        self._agreed = {}
        for member, of in found:
            if asks(of.limits, of.state(now)) and (of.id, member.learner) not in self._withdrawn:
                self._agreed.setdefault(member.learner, []).append(member)
        wanted = {(member.id, learner) for learner, all_ in self._agreed.items() for member in all_}
        for key, take in list(self._takes.items()):
            if (take.member, take.learner) not in wanted:
                self._finish(key)
        there = list(self._hub.bridges().items())
        self._done = {key for key in self._done if key[1] in {bridge.name for _, bridge in there}}
        for terminal, bridge in there:
            self.opened(terminal, bridge)

    def withdraw(self, of: str, learner: str) -> None:
        """The learner takes it back: nothing printed from here on is in any recording for this class. `withdrawn` once it is written."""
        self._withdrawn.add((of, learner))
        self._agreed[learner] = [one for one in self._agreed.get(learner, []) if one.of != of]
        for key, take in list(self._takes.items()):
            if (take.of, take.learner) == (of, learner):
                self._finish(key)

    async def settled(self) -> None:
        """What has ended is written: it was agreed to."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def withdrawn(self, of: str, learner: str) -> None:
        """The store says so too."""
        self._withdrawn.discard((of, learner))

    async def forget(self, learner: str, of: str = "") -> None:
        """Of what is recorded now, nothing is kept; in every class, or one. When it returns nothing of it is under way."""
        for key, take in list(self._takes.items()):
            if take.learner == learner and of in ("", take.of):
                del self._takes[key]
                await self._drop(take)

    async def _drop(self, take: Take) -> None:
        take.gone = True
        self._live.discard(take.id)
        async with take.turn:
            await asyncio.to_thread(self._tapes.remove, [take.id])

    def _tell(self, room: Room, member: Member) -> Mapping[str, object]:
        of = room.of
        if of is None or not asks(of.limits, of.state(self._clock.wall())):
            return {}
        consented = member.consented is not None and (of.id, member.learner) not in self._withdrawn
        return {"recording": {"asked": True, "consented": consented}}

    # --- what is recorded ---

    def opened(self, terminal: Key, bridge: Bridge) -> None:
        """A terminal that is there: record it, where its learner agreed and it isn't yet."""
        lease = self._leases.by_id(terminal[0])
        if lease is None or bridge.over:
            return
        for member in self._agreed.get(lease.owner, []):
            key = (member.id, bridge.name)
            if key in self._takes or key in self._done or self._total >= self._most:
                continue
            clock = self._clock
            take = Take(member.of, member.id, lease.owner, terminal[1], bridge, clock.running(), clock.wall())
            self._takes[key] = take
            self._live.add(take.id)
            bridge.when_finished(lambda key=key, take=take: self._ended(key, take))  # type: ignore[misc]

    def _ended(self, key: tuple[str, str], take: Take) -> None:
        if self._takes.get(key) is take:
            self._finish(key)

    def recording(self, id: str) -> int | None:
        """How long the file of a recording that goes on is; None for one that doesn't."""
        return next((take.written for take in self._takes.values() if take.id == id), None)

    async def _looking(self) -> None:
        while True:
            for take in list(self._takes.values()):
                take.look(self._clock.running())
            await asyncio.sleep(LOOK)

    async def _writing(self) -> None:
        while True:
            await asyncio.sleep(WRITE)
            for key, take in list(self._takes.items()):
                if take.events:
                    await self._written(key, take)

    async def _written(self, key: tuple[str, str], take: Take) -> None:
        """Write what waits; where no more can be written, that was it."""
        try:
            take.full = not await self._write(take)
        except HostFull as why:
            log.error("a recording ends", recording=take.id, why=str(why))
            take.full = True
        except LabError as why:  # it waits; what there is no room for is missing then
            log.info("a recording waits", recording=take.id, why=str(why))
        except Exception:
            log.exception("a recording ends", recording=take.id)
            take.full = True
        if take.full and self._takes.get(key) is take:
            self._done.add(key)
            self._finish(key)

    def _finish(self, key: tuple[str, str]) -> None:
        """Not a byte more; what there is is written soon."""
        take = self._takes.pop(key)
        take.look(self._clock.running())
        task = asyncio.create_task(self._last(take))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _last(self, take: Take) -> None:
        try:
            try:
                await self._write(take, last=True)
            except HostFull as why:
                log.error("a recording ends", recording=take.id, why=str(why))
            if take.kept and not take.gone:
                async with self._store.write() as at:
                    there = await recordings.finish(at, take.id, take.begun + take.at, take.written)
                if not there:  # its learner, its class or its time is gone
                    await self._drop(take)
        except LabError as why:
            log.info("a recording is still to be finished", recording=take.id, why=str(why))
            self._mended = False
        except Exception:
            log.exception("a recording could not be finished", recording=take.id)
        finally:
            self._live.discard(take.id)

    async def _write(self, take: Take, last: bool = False) -> bool:
        """Write what waits; False where it is as large as it may be. Raises HostFull, StoreFailed."""
        async with take.turn:
            if take.gone or take.full or not take.events:
                return True
            lines: list[bytes] = []
            if not take.kept:
                async with self._store.write() as at:
                    take.kept = await recordings.begin(at, take.id, take.member, take.session, take.begun)
                if not take.kept:  # consent went before anything was written
                    take.gone = True
                    return True
                lines.append(cast.head(*take.first, take.begun, take.session))
            room = min(self._each - take.written, self._most - self._total)
            written, fits = await asyncio.to_thread(self._put, take, lines, take.take(), room, last)
            take.written += written
            self._total += written
            return fits

    def _put(self, take: Take, lines: list[bytes], events: list[cast.Event], room: int, last: bool) -> tuple[int, bool]:
        """In a thread: the lines for which there is room; their bytes, and whether that was all."""
        lines += take.writer.lines(events, last)
        mark = take.writer.lines([(take.at, cast.MARK, FULL)])[0]
        size = 0
        for n, line in enumerate(lines):
            if (n or take.written) and size + len(line) + len(mark) > room:  # a head is always there
                lines = [*lines[:n], mark]
                self._tapes.append(take.id, b"".join(lines))
                return size + len(mark), False
            size += len(line)
        self._tapes.append(take.id, b"".join(lines))
        return size, True
