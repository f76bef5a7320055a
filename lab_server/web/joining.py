"""Classes as learners have them: what one is, joining it by its code, leaving it, and what its instructor can see.

Knows the store, and what is told at joining. Knows neither HTTP nor SQL, nor what instructors do (classes.py). Every method raises
StoreFailed while the database can't be used.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab_server.errors import Conflict, NotFound
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.store import classes, learners, members, recordings
from lab_server.store.classes import ARCHIVED, CLOSED, PLANNED, Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web.classes import fit, lessons_of

# What those who run a class can see of a learner, and what not: told before one joins, and whenever one looks. It is the whole truth:
# what lets them see more adds its sentence here.
SEEN = (
    "the name that you choose, and when you joined",
    "how many steps, tasks, quiz questions and predictions you have done in each lesson of the class, also what you did before you joined",
    "which of the class’s tasks you have passed, and when you last did something in these lessons",
    "which answers you picked to quiz questions, whether they were right, after how many tries, and when",
    "while a page of yours is open: that it is, at which lesson and step of the class you are, how many commands failed in a row, how many "
    "hints you asked for",
    "the screens of your terminals, small, with what was printed there lately: all lessons share them. While your page is at a lesson that "
    "is not in the class, none is shown",
    "that your hand is up, and what you ask with it",
    "a terminal that you have open, as it is, while they look at it: your page says who looks for as long as they do, and they type in it "
    "only if you allow it",
    "whether you have a sandbox: they can pause it, give it more time, reset it, and end it together with the class; you are told",
    "a recording of what your terminals print, in every lesson, if the class asks for one and only for as long as you agree to it",
)
UNSEEN = (
    "what you type where nothing appears as you type, such as a password",
    "what you predict of a step, right or wrong",
    "lessons that are not in the class, but for a recording that you agreed to, and what you do after you have left it",
)
_WHY_NOT = {
    PLANNED: ("The class {title} is not open yet.", "Come back when it opens."),
    CLOSED: ("The class {title} is closed.", "Its instructor can open it again."),
    ARCHIVED: ("The class {title} is over.", "Its instructor can open it again."),
}


@dataclass(frozen=True)
class Invitation:
    """A class, as whoever has its code sees it. `member` is the asking learner in it, or None; `free` is how many seats are left."""

    it: Class
    state: str
    lessons: Sequence[Lesson]
    free: int
    member: Member | None


class Joining:
    """One for the whole server. `clock`: seconds since the epoch. `changed` is told the id of a class that somebody joined or left."""

    def __init__(self, catalog: Catalog, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._catalog, self._store, self._clock = catalog, store, clock
        self.changed: Callable[[str], None] = lambda id: None

    async def look(self, learner: str, code: str) -> Invitation:
        """Raises NotFound for a code that is no class's."""
        async with self._store.read() as at:
            found = await classes.by_code(at, code)
            if found is None:
                raise _unknown()
            taken = (await members.counts(at, [found.id]))[found.id]
            mine = await members.find(at, found.id, learner)
        state, lessons = found.state(self._clock()), lessons_of(self._catalog, found)
        return Invitation(found, state, lessons, max(0, found.seats - taken), mine)

    async def join(self, learner: str, code: str, name: str) -> tuple[Member, Class, bool]:
        """In one step, or under another name where one is in; and whether that was now.

        Raises NotFound for a code that is no class's, Unfit for a name that can't be, Conflict for a class that isn't open, one that is
        full, and a name that is taken.
        """
        now, name = self._clock(), fit(name)
        async with self._store.write() as at:
            await learners.touch(at, learner, now)
            found = await classes.by_code(at, code, hold=True)
            if found is None:
                raise _unknown()
            if why := _WHY_NOT.get(found.state(now)):
                raise Conflict(why[0].format(title=f"‘{found.title}’"), why[1])
            member, new = await members.join(at, found, learner, name, now)
        self.changed(found.id)
        return member, found, new

    async def all(self, learner: str) -> list[tuple[Member, Class, str]]:
        """Where the learner is in, with each class's state; the newest first."""
        async with self._store.read() as at:
            found = await members.of_learner(at, learner)
        now = self._clock()
        return [(member, one, one.state(now)) for member, one in found]

    async def recorded(self, learner: str) -> Mapping[str, int]:
        """Class's id → how many recordings of the learner there are, where there are any."""
        async with self._store.read() as at:
            return Counter(one.of for one in await recordings.of_learner(at, learner))

    async def member(self, learner: str, of: str) -> tuple[Class, Member]:
        """The class, and the learner in it. Raises NotFound."""
        async with self._store.read() as at:
            found = await members.find(at, of, learner)
            if found is None:
                raise NotFound("You are not in this class.", "You may have left it already.")
            return await classes.get(at, of), found

    async def leave(self, learner: str, of: str) -> None:
        """Raises NotFound. What was done stays the learner's."""
        async with self._store.write() as at:
            await members.leave(at, of, learner)
        self.changed(of)


def _unknown() -> NotFound:
    return NotFound("No class has this code.", "It has nine digits. Ask your instructor to read it out again.")
