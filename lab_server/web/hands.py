"""Raised hands: a learner wants help, perhaps with a question; they lower it, or who runs the class does ("helped").

Knows the store and what a question may be. Knows neither HTTP nor SQL, nor who runs a class (classes.py). A hand is written down: it
survives a reload and a restart. Methods raise StoreFailed while the database can't be used.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from lab_server.errors import Conflict, NotFound
from lab_server.store import classes, members, names
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.web.faults import Unfit
from lab_server.web.room import Room

LONGEST = 280  # characters of a question


def question(text: str) -> str:
    """A question as it is kept: one line of text, or "". Raises Unfit."""
    if not text.strip():
        return ""
    try:
        return names.normal(text, LONGEST)
    except ValueError as why:
        raise Unfit(str(why).replace("A name", "A question"), "Change it, or raise your hand without one.") from None


class Hands:
    """One for the whole server. `clock`: seconds since the epoch. `changed` is told the id of a class in which a hand went up or down."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self.changed: Callable[[str], None] = lambda id: None

    async def put_up(self, learner: str, of: str, text: str) -> None:
        """Raise it. One that is up keeps its place, and has this question now.

        Raises NotFound where the learner isn't in the class, Conflict in one that is over, Unfit for a question that can't be.
        """
        asked = question(text)
        async with self._store.write() as at:
            there = await members.find(at, of, learner)
            if there is None:
                raise NotFound("You are not in this class.", "You may have left it already.")
            if (await classes.get(at, of)).archived:
                raise Conflict("This class is over: nobody would see your hand.", "Its instructor can open it again.")
            since = self._clock() if there.hand is None else there.hand
            await members.change(at, of, learner, {"hand": since, "question": asked})
        self.changed(of)

    async def put_down(self, learner: str, of: str) -> None:
        """Raises NotFound where the learner isn't in the class; nothing happens where it isn't up."""
        async with self._store.write() as at:
            await members.change(at, of, learner, {"hand": None, "question": ""})
        self.changed(of)


def tell(room: Room, member: Member) -> dict[str, object]:
    """A teller for the learner's own pages: with how many hands were raised before."""
    if member.hand is None:
        return {"hand": None}
    mine = (member.hand, member.id)
    before = sum(1 for one in room.there.values() if one.hand is not None and (one.hand, one.id) < mine)
    return {"hand": {"since": member.hand, "question": member.question, "before": before}}


def tell_staff(room: Room, member: Member) -> dict[str, object]:
    """A teller for those who run the class."""
    return {"hand": shown(member)}


def shown(member: Member) -> dict[str, object] | None:
    """A hand as those who run the class get it."""
    return None if member.hand is None else {"since": member.hand, "question": member.question}
