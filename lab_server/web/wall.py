"""The wall: what those who run a class are told of each learner, now.

Knows rooms, leases, terminals' names and how far learners are; puts them together into tiles, a heat map and what holds for the room.
Doesn't know HTTP, SQL, nor who looks: what a page was told already is its channel's affair (api/wall.py), terminals' bytes are
miniatures.py's. Everything here is told as it is now. Nothing is counted along, so that nothing is missed; what costs is read from the
store, and only after something changed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from lab_server.errors import LabError
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.store.classes import ARCHIVED
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web.bridge import Bridge
from lab_server.web.classes import lessons_of
from lab_server.web.far import IDLE, NOTHING, Far, far, stuck
from lab_server.web.hub import Hub
from lab_server.web.room import Live, Page, Room, Rooms
from lab_server.web.sessions import Lease, Leases
from lab_server.web.standings import Standings

log = structlog.get_logger()
READ_EVERY = 0.3  # seconds between two looks at how far a class is, at least
LOOK_AGAIN = 5.0  # seconds after which it is looked at unasked: there are other ways into the store than this server's
AFTER_FAILURE = 3.0  # seconds until the store is asked again
CALM = 10  # seconds: a sign of life that is newer by less is no news
CLOCK_SET = 2.0  # seconds by which the wall clock was set, from which on it counts

Json = dict[str, object]
Screens = dict[str, list[tuple[str, Bridge]]]  # member's id → their terminals, by session


@dataclass
class Class:
    """What was read of a class that somebody looks at. `read`: of what, to be read again where that is another by now."""

    lessons: Sequence[Lesson] = ()
    far: Mapping[str, Far] = field(default_factory=dict)  # by member's id
    read: tuple[object, ...] = ()
    stale: bool = True
    reading: bool = False
    again: float = 0.0  # not before, of the loop's clock
    active: dict[str, int] = field(default_factory=dict)  # the sign of life that was told, by member's id
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Walls:
    """One for the whole server."""

    def __init__(
        self, catalog: Catalog, store: Store, rooms: Rooms, leases: Leases, hub: Hub, standings: Standings
    ) -> None:
        self._catalog, self._store, self._standings = catalog, store, standings
        self._rooms, self._leases, self._hub, self._clock = rooms, leases, hub, rooms.clock
        self._classes: dict[str, Class] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ahead = 0.0  # of the wall clock over the running one

    # --- who looks ---

    async def look(self, id: str, page: Page) -> Room:
        """Somebody opens the wall of a class. Raises StoreFailed."""
        room = await self._rooms.look(id, page)
        if id not in self._classes:
            self._classes[id] = Class()
        self._freshen(room)
        await self._classes[id].ready.wait()
        return room

    def leave(self, id: str, page: Page) -> None:
        if room := self._rooms.get(id):
            self._rooms.leave(room, page)
        if room is None or not room.staff:
            self._classes.pop(id, None)

    def did(self, learner: str) -> None:
        """The learner has more progress now."""
        for room in self._rooms.having(learner):
            if known := self._classes.get(room.id):
                known.stale = True
                self._freshen(room)

    # --- how far everybody is ---

    def _freshen(self, room: Room) -> None:
        """Have it read again, where it may be another by now."""
        known, now = self._classes[room.id], asyncio.get_running_loop().time()
        other = len(known.read) != 2 or known.read[0] is not room.of or known.read[1] is not room.there
        due = known.stale or other or now >= known.again + LOOK_AGAIN
        if due and not known.reading and now >= known.again:
            known.reading, known.again = True, now + READ_EVERY
            task = asyncio.create_task(self._read(room, known))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _read(self, room: Room, known: Class) -> None:
        of, there = room.of, room.there
        known.stale = False
        try:
            if of is not None:
                lessons = lessons_of(self._catalog, of)
                async with self._store.read() as at:
                    ids = [lesson.id for lesson in lessons]
                    found = await self._standings.of(at, room.id, list(there.values()), ids)
                got = {one.member.id: far(one, lessons) for one in found}
                for id, live in room.live.items():
                    before = known.far.get(id)
                    if before and got.get(id, NOTHING).tasks[0] > before.tasks[0]:
                        live.failing = live.hints = 0  # who passes a task is stuck no longer
                known.lessons, known.far = lessons, got
            known.read = (of, there)
        except LabError as why:
            log.warning("how far a class is could not be read", room=room.id, why=str(why))
            known.stale, known.again = True, asyncio.get_running_loop().time() + AFTER_FAILURE
        finally:
            known.reading = False
            known.ready.set()
        self._rooms.wake_staff(room)

    # --- what is told ---

    def state(self, room: Room) -> Json:
        """What holds for the whole class; the class must be there."""
        assert room.of
        known = self._classes[room.id]
        told: Json = {
            "title": room.of.title,
            "state": room.of.state(self._clock.wall()),
            "learners": len(room.there),
            "readings": room.readings,
            "lessons": [{"id": one.id, "title": one.title, "url": one.url} for one in known.lessons],
        }
        for teller in self._rooms.staff_tellers:
            told |= teller(room)
        return told

    def tiles(self, room: Room, screens: Screens) -> dict[str, Json]:
        """Member's id → their tile."""
        self._freshen(room)
        known, running, wall = self._classes[room.id], self._clock.running(), self._clock.wall()
        if abs(wall - running - self._ahead) > CLOCK_SET:
            self._ahead = wall - running
        within = {lesson.id for lesson in known.lessons}
        return {
            member.id: self._tile(room, member, known, within, screens.get(member.id, ()), running)
            for member in room.there.values()
        }

    def _tile(
        self,
        room: Room,
        member: Member,
        known: Class,
        within: set[str],
        terminals: Iterable[tuple[str, Bridge]],
        running: float,
    ) -> Json:
        live, got = room.live.get(member.id, IDLE), known.far.get(member.id, NOTHING)
        lease, online = self._leases.by_owner(member.learner), member.learner in room.pages
        last = self._last(live, got, lease)
        silent = running + self._ahead - max(last or 0.0, member.joined) if online else None
        here = live.lesson in within  # what they do elsewhere is not this class's affair
        told: Json = {
            "id": member.id,
            "name": member.name,
            "online": online,
            "lesson": live.lesson if here else "",
            "step": live.step if here else "",
            "tasks": got.tasks,
            "share": got.share,
            "active": self._calm(known, member.id, last),
            "stuck": stuck(live, silent, got.complete),
            "sandbox": lease.state if lease else "",
            "sessions": [session for session, _ in terminals],
        }
        for teller in self._rooms.tile_tellers:
            told |= teller(room, member)
        return told

    def _last(self, live: Live, got: Far, lease: Lease | None) -> float | None:
        """The last sign of life: seconds since the epoch."""
        signs = [got.at]
        if live.at is not None:
            signs.append(live.at + self._ahead)
        if lease and lease.lasting:
            signs.append(lease.lasting.active + self._ahead)
        return max((sign for sign in signs if sign is not None), default=None)

    @staticmethod
    def _calm(known: Class, member: str, last: float | None) -> int | None:
        """`last`, or what was told before where that is as good: who types would be news twice a second."""
        if last is None:
            return None
        before = known.active.get(member)
        if before is None or not before <= last < before + CALM:
            known.active[member] = before = int(last)
        return before

    def heat(self, room: Room) -> tuple[list[Json], dict[str, str]]:
        """The class's tasks, and for each learner (by member's id) which are passed, a character a task."""
        known = self._classes[room.id]
        tasks: list[Json] = [
            {"lesson": lesson.id, "name": task.name, "title": task.title}
            for lesson in known.lessons
            for task in lesson.tasks
        ]
        there = {member.id for member in room.there.values()}
        return tasks, {id: got.passed for id, got in known.far.items() if id in there}

    def screens(self, room: Room) -> Screens:
        """The terminals that may be seen of each learner, the one that was typed in last at the front.

        None of an archived class, and none while the learner's page is at a lesson that isn't in the class.
        """
        if room.of is None or room.of.state(self._clock.wall()) == ARCHIVED:
            return {}
        within = {lesson.id for lesson in self._classes[room.id].lessons}
        terminals: dict[str, list[tuple[str, Bridge]]] = {}
        for (sandbox, session), bridge in self._hub.bridges().items():
            if not bridge.over:
                terminals.setdefault(sandbox, []).append((session, bridge))
        found: Screens = {}
        for learner, member in room.there.items():
            lease, live = self._leases.by_owner(learner), room.live.get(member.id, IDLE)
            mine = terminals.get(lease.id) if lease and lease.state == "ready" else None
            if mine and (not live.lesson or live.lesson in within):
                found[member.id] = sorted(mine, key=_last_used)
        return found

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _last_used(terminal: tuple[str, Bridge]) -> tuple[float, int, str]:
    session, bridge = terminal
    return -bridge.heard, -bridge.ring.end, session


@contextlib.asynccontextmanager
async def looking(walls: Walls, id: str, page: Page) -> AsyncIterator[Room]:
    """The page looks at the class's wall for as long as the block lasts. Raises StoreFailed."""
    try:
        yield await walls.look(id, page)
    finally:
        walls.leave(id, page)
