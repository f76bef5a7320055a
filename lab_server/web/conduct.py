"""Control of a class's room: a message, a place where everybody is to be, a terminal shown, all paused, all extended, one reset, the end.

Knows what each role may, and what is written of it. Doesn't know HTTP or SQL, nor how it is made to hold (caretaker.py). Every method
raises StoreFailed while the database can't be used, NotFound for a class in which the account has no role, Refused where its role
doesn't suffice, and Conflict for a class that is archived. Of two who do something at once the last has their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab_server.errors import Conflict, LabError, Refused
from lab_server.lessons.catalog import Catalog
from lab_server.store import audit, classes, members
from lab_server.store.accounts import Account
from lab_server.store.classes import CLOSED, OPEN, Class
from lab_server.store.engine import Store
from lab_server.store.staff import Role
from lab_server.web import applies
from lab_server.web.caretaker import Caretaker
from lab_server.web.classes import Classes
from lab_server.web.keeper import Keeper
from lab_server.web.room import Rooms
from lab_server.web.sessions import Leases

GRANT = 1800.0  # seconds more, where a sandbox's terms have no extension
MOST_RESETS = 200  # learners who are told that their sandbox was reset


@dataclass(frozen=True)
class Extended:
    """How many of the class's sandboxes end later than they would have, of how many, and by how many seconds at the most."""

    extended: int
    sandboxes: int
    seconds: float


class Conduct:
    """One for the whole server."""

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        them: Classes,
        rooms: Rooms,
        leases: Leases,
        keeper: Keeper,
        caretaker: Caretaker,
    ) -> None:
        self._catalog, self._store, self._classes, self._rooms = catalog, store, them, rooms
        self._leases, self._keeper, self._caretaker = leases, keeper, caretaker
        self._clock = leases.clock

    def public(self, of: Class) -> dict[str, object]:
        """What holds in the room, as the API gives it."""
        return {"title": of.title, "state": of.state(self._clock.wall())} | self._caretaker.holds(of)

    async def look(self, who: Account, id: str) -> Class:
        return (await self._classes.allowed(who, id))[0]

    # --- said to everybody ---

    async def say(self, who: Account, id: str, text: str | None) -> Class:
        """Raises Unfit for what is no message; None takes back what was said."""
        said = None if text is None else {"text": applies.words(text), "by": who.name, "at": self._clock.wall()}
        await self._allowed(who, id)
        return await self._write(id, {"message": said})

    async def point(self, who: Account, id: str, to: tuple[str, str] | None) -> Class:
        """Everybody is to be at this lesson and step. Raises Unfit for a place that isn't there."""
        if to:
            applies.place(self._catalog, *to)
        await self._allowed(who, id)
        here = {"lesson": to[0], "step": to[1], "by": who.name, "at": self._clock.wall()} if to else None
        return await self._write(id, {"here": here})

    async def present(self, who: Account, id: str, learner: str, session: str, there: Sequence[str]) -> Class:
        """Show everybody this terminal of the learner that the account's browser is; `there` are those of theirs that are open.

        Raises Conflict where it isn't open, or the class isn't.
        """
        of = await self._allowed(who, id, "present a terminal")
        if of.state(self._clock.wall()) != OPEN:
            raise Conflict("The class is not open, so there is nobody to present to.", "Open it first.")
        if not there:
            raise Conflict(
                "No terminal of yours is open in this browser.",
                "Open a lesson in another tab, and its terminal; then present it.",
            )
        if session not in there:
            raise Conflict(f"Your terminal {session[:16]!r} is not open.", f"Open are: {', '.join(there)}.")
        shown = {"by": who.name, "at": self._clock.wall(), "learner": learner, "session": session}
        return await self._write(id, {"present": shown})

    async def present_no_more(self, who: Account, id: str) -> Class:
        """Whoever presents: nobody is shown it from here on."""
        await self._allowed(who, id, "end what is presented")
        return await self._write(id, {"present": None})

    async def _write(self, id: str, changes: Mapping[str, Any]) -> Class:
        async with self._store.write() as at:
            of = await classes.conduct(at, id, changes)
        await self._caretaker.follow(id)
        return of

    # --- done to their sandboxes ---

    async def pause(self, who: Account, id: str, on: bool) -> Class:
        """Every sandbox of the class stands still until it is said to go on. Raises Conflict where the class isn't open."""
        await self._allowed(who, id, "pause a class")
        async with self._store.write() as at:
            of = await classes.get(at, id, hold=True)
            now = self._clock.wall()
            if on and of.state(now) != OPEN:
                raise Conflict("The class is not open, so there is nothing to pause.", "Open it first.")
            if on is not (applies.paused(of, now) is not None):  # else it is so already, by whomever
                await audit.add(at, of, who, audit.PAUSED, now, on=on)
                of = await classes.conduct(at, id, {"paused": {"by": who.name, "at": now} if on else None})
        await self._caretaker.follow(id)
        return of

    async def extend(self, who: Account, id: str) -> Extended:
        """The ends of all their sandboxes are put off, also where a learner couldn't any more."""
        await self._allowed(who, id, "extend the time of a class")
        async with self._store.read() as at:
            there = await members.of_class(at, id)
        extended, sandboxes, most, now = 0, 0, 0.0, self._clock.running()
        for lease in [self._leases.by_owner(member.learner) for member in there]:
            if lease is None or lease.lasting is None:
                continue
            sandboxes += 1
            if lease.lasting.end() is None:
                continue
            seconds = lease.lasting.terms.extension or GRANT
            lease.lasting.grant(now, seconds)
            self._leases.changed(lease.id)
            self._keeper.notice(lease)
            extended, most = extended + 1, max(most, seconds)
        return Extended(extended, sandboxes, most)

    async def reset(self, who: Account, id: str, member: str) -> None:
        """One learner has a new sandbox, and is told who did that. Raises Conflict where there is none."""
        of = await self._allowed(who, id, "reset a learner's sandbox")
        async with self._store.read() as at:
            one = await members.get(at, id, member)
        lease = await self._leases.find(one.learner)
        if lease is None or not lease.live:
            raise Conflict(f"{one.name} has no sandbox now.", "It is there once they start one from a lesson.")
        now = self._clock.wall()
        async with self._store.write() as at:
            await audit.add(at, of, who, audit.RESET, now, member)  # before: what is done is in the log, whatever comes
        try:
            await self._leases.reset(one.learner, lease.id, f"{who.name} reset your sandbox: you get a new one.")
        except LabError as why:
            async with self._store.write() as at:
                await audit.add(at, of, who, audit.RESET, self._clock.wall(), member, failed=why.code)
            raise
        async with self._store.write() as at:
            there = (await classes.get(at, id, hold=True)).room.get("resets", {})
            latest = sorted(there.items(), key=lambda one: float(one[1]["at"]))[-MOST_RESETS + 1 :]
            await classes.conduct(at, id, {"resets": dict(latest) | {member: {"by": who.name, "at": now}}})
        self._rooms.changed(id)

    # --- the end ---

    async def end(self, who: Account, id: str, seconds: float) -> Class:
        """The class closes in so many seconds, which its learners see, and their sandboxes end with it."""
        await self._allowed(who, id, "end a class")
        async with self._store.write() as at:
            of = await classes.get(at, id, hold=True)
            now = self._clock.wall()
            if of.state(now) == CLOSED:
                raise Conflict("The class is closed already.", "Open it first; then it can be ended with a countdown.")
            earlier = applies.ending(of)
            before = earlier["before"] if earlier else of.closes
            ending = {"by": who.name, "since": now, "at": now + seconds, "seconds": seconds, "before": before}
            await audit.add(at, of, who, audit.ENDED, now, seconds=seconds)
            of = await classes.conduct(at, id, {"ending": ending}, closes=now + seconds)
        await self._caretaker.follow(id)
        if not seconds:
            await self._caretaker.finish(id)
            of = await self.look(who, id)
        return of

    async def call_off(self, who: Account, id: str) -> Class:
        """It goes on, until it would have closed before. Raises Conflict where it has ended."""
        await self._allowed(who, id, "end a class")
        async with self._store.write() as at:
            of = await classes.get(at, id, hold=True)
            ending, now = applies.ending(of), self._clock.wall()
            if ending:
                await audit.add(at, of, who, audit.ENDED, now, called_off=True)
                of = await classes.conduct(at, id, {"ending": None}, closes=ending["before"])
            elif of.state(now) == CLOSED:
                raise Conflict("The class has ended already.", "Open it again: learners start new sandboxes then.")
        await self._caretaker.follow(id)
        return of

    async def _allowed(self, who: Account, id: str, what: str = "") -> Class:
        """`what`, in words: an assistant may not."""
        of, role = await self._classes.allowed(who, id)
        if what and role == Role.ASSISTANT:
            raise Refused(
                f"An assistant can't {what}.",
                "You can send a message, and say where everybody is to be. For the rest ask its instructor.",
            )
        if of.archived:
            raise Conflict("The class is archived: its learners don't have it on their pages.", "Open it again first.")
        return of
