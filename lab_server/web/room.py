"""The rooms of classes while somebody is in them: whose page is open, what each learner does, what applies to everybody.

Knows classes and members as they were last read, pages that are open, and who adds what to what these are told. Doesn't know HTTP, nor
what is done in a room: that changes the store, or a room's `live`, and has the pages woken. A page is told a state, whole, never an
event: one that was away for a while, or late, knows as much as the others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field

import structlog

from lab_server.errors import LabError, NotFound
from lab_server.store import classes, members
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web.clock import Clock

log = structlog.get_logger()
READ_AGAIN = 0.05  # seconds; many changes at once are read once


@dataclass
class Live:
    """What a learner does, as their pages tell it. Nothing of it outlives the server.

    `at` is when something last happened, of the running clock, or None; `failing` is how many commands in a row ended with a
    failure; `hints` is how many were asked for in this lesson.
    """

    lesson: str = ""
    step: str = ""
    at: float | None = None
    failing: int = 0
    hints: int = 0


class Page:
    """An open page of somebody in a room. `wake` is called whenever what it was told may be no longer so."""

    __slots__ = ("wake",)

    def __init__(self, wake: Callable[[], None]) -> None:
        self.wake = wake


@dataclass
class Room:
    """`of` and `there` (learner's id → member) are as they were last read; None: the class is gone. `readings`: how often that was."""

    id: str
    of: Class | None = None
    there: dict[str, Member] = field(default_factory=dict)
    readings: int = 0
    pages: dict[str, set[Page]] = field(default_factory=dict)  # learner's id → open pages
    staff: set[Page] = field(default_factory=set)
    live: dict[str, Live] = field(default_factory=dict)  # member's id → …

    def doing(self, member: str) -> Live:
        """Of a member, by id; to be changed."""
        return self.live.setdefault(member, Live())

    def member(self, id: str) -> Member | None:
        """By the member's id."""
        return next((one for one in self.there.values() if one.id == id), None)

    @property
    def empty(self) -> bool:
        return not self.pages and not self.staff


Teller = Callable[[Room, Member], Mapping[str, object]]
StaffTeller = Callable[[Room], Mapping[str, object]]


class Rooms:
    """`tellers` add to what a learner's pages are told of the room, `tile_tellers` to what those who run the class are told of each
    learner, `staff_tellers` to what they are told of the room."""

    def __init__(self, store: Store, clock: Clock | None = None) -> None:
        self._store, self.clock = store, clock or Clock()
        self._rooms: dict[str, Room] = {}
        self._reading: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.tellers: list[Teller] = []
        self.tile_tellers: list[Teller] = []
        self.staff_tellers: list[StaffTeller] = []

    # --- who is here ---

    def get(self, id: str) -> Room | None:
        """A class's room, where somebody is in it."""
        return self._rooms.get(id)

    def all(self) -> list[Room]:
        """Those in which somebody is."""
        return list(self._rooms.values())

    def of_learner(self, learner: str) -> list[tuple[Room, Member]]:
        """The rooms in which the learner has a page open."""
        return [
            (room, room.there[learner])
            for room in self._rooms.values()
            if learner in room.pages and learner in room.there
        ]

    async def attend(self, learner: str, page: Page) -> list[Room]:
        """The learner's page is open: it is in the room of each class that they are in. Raises StoreFailed."""
        async with self._store.read() as at:
            mine = [of.id for _, of in await members.of_learner(at, learner) if not of.archived]
        rooms = [self._room(id) for id in mine]
        for room in rooms:
            room.pages.setdefault(learner, set()).add(page)
        await self._ready(rooms, learner)
        return rooms

    async def look(self, id: str, page: Page) -> Room:
        """The page of somebody who runs the class is open. Raises StoreFailed."""
        room = self._room(id)
        room.staff.add(page)
        await self._ready([room])
        return room

    def leave(self, room: Room, page: Page, learner: str = "") -> None:
        """The page is closed."""
        room.staff.discard(page)
        if (open_ := room.pages.get(learner)) is not None:
            open_.discard(page)
            if not open_:
                del room.pages[learner]
                self.stir(room.id)
        if room.empty and self._rooms.get(room.id) is room:
            del self._rooms[room.id]

    def _room(self, id: str) -> Room:
        return self._rooms.setdefault(id, Room(id))

    async def _ready(self, rooms: list[Room], learner: str = "") -> None:
        for room in rooms:
            if room.of is None or (learner and learner not in room.there):  # who joined a moment ago
                await self._read(room)
            self.stir(room.id)

    def having(self, learner: str) -> list[Room]:
        """The rooms of the classes that the learner is in, also without a page of theirs, where somebody is in the room."""
        return [room for room in self._rooms.values() if learner in room.there]

    # --- what changed ---

    def changed(self, id: str) -> None:
        """Something of the class or its members was written: read it again, soon, and tell everybody who is in its room."""
        if id in self._rooms and id not in self._reading:
            self._reading.add(id)
            self._spawn(self._again(id))

    def gone(self, learner: str) -> None:
        """The learner is no more, or is another from here on: whoever has them in a room looks again."""
        for room in self.having(learner):
            self.changed(room.id)

    def stir(self, id: str) -> None:
        """Something that isn't written changed: have every page of the room look again."""
        if room := self._rooms.get(id):
            for page in [*room.staff, *(page for open_ in room.pages.values() for page in open_)]:
                page.wake()

    async def _again(self, id: str) -> None:
        await asyncio.sleep(READ_AGAIN)
        self._reading.discard(id)
        if room := self._rooms.get(id):
            try:
                await self._read(room)
            except LabError as why:  # the next change, or the next page that is opened, reads it
                log.warning("a room could not be read", room=id, why=str(why))
            self.stir(id)

    async def _read(self, room: Room) -> None:
        async with self._store.read() as at:
            try:
                room.of = await classes.get(at, room.id)
                room.there = {one.learner: one for one in await members.of_class(at, room.id)}
            except NotFound:
                room.of, room.there = None, {}
        room.readings += 1
        here = {one.id for one in room.there.values()}
        room.live = {id: live for id, live in room.live.items() if id in here}

    # --- what learners' pages tell, and are told ---

    def at(self, learner: str, lesson: str, step: str) -> None:
        """The learner's page is at this lesson and step."""
        for room, member in self.of_learner(learner):
            live = room.doing(member.id)
            if live.lesson != lesson:
                live.failing = live.hints = 0
            live.lesson, live.step, live.at = lesson, step, self.clock.running()
            self.wake_staff(room)

    def did(self, learner: str, failed: bool) -> None:
        """A command of the learner ended."""
        for room, member in self.of_learner(learner):
            live = room.doing(member.id)
            live.failing = live.failing + 1 if failed else 0
            live.at = self.clock.running()
            self.wake_staff(room)

    def hinted(self, learner: str) -> None:
        """The learner asked for a hint."""
        for room, member in self.of_learner(learner):
            live = room.doing(member.id)
            live.hints, live.at = live.hints + 1, self.clock.running()
            self.wake_staff(room)

    @staticmethod
    def wake_staff(room: Room) -> None:
        """Those who run the class look again."""
        for page in room.staff:
            page.wake()

    def told(self, learner: str, rooms: list[Room]) -> list[dict[str, object]]:
        """What the learner's page is told of its rooms; a class that is gone, or that they left, is left out."""
        return [
            self._told(room, room.of, room.there[learner])
            for room in rooms
            if room.of is not None and learner in room.there
        ]

    def _told(self, room: Room, of: Class, member: Member) -> dict[str, object]:
        told: dict[str, object] = {
            "id": of.id,
            "title": of.title,
            "state": of.state(self.clock.wall()),
            "name": member.name,
        }
        for teller in self.tellers:
            told |= teller(room, member)
        return told

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@contextlib.asynccontextmanager
async def attending(rooms: Rooms, learner: str, page: Page) -> AsyncIterator[list[Room]]:
    """The learner's page is in its rooms for as long as the block lasts."""
    there = await rooms.attend(learner, page)
    try:
        yield there
    finally:
        for room in there:
            rooms.leave(room, page, learner)
