"""Help in a terminal: who looks at which learner's, and who may type there because the learner said so.

Knows watches and grants, in memory only: nothing of them outlives the server, the connection that watches, or the learner's word.
Knows rooms, whose pages are told. Knows neither HTTP nor SQL, nor terminals' bytes: a watch is given what ends its connection, and asks
now and then whether it is still allowed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lab_server.errors import Conflict, LabError, StoreFailed
from lab_server.store.accounts import Account
from lab_server.store.members import Member
from lab_server.web.clock import Clock
from lab_server.web.room import Room, Rooms

LOOK_EVERY = 1.0  # seconds between two looks at whether a watch is still allowed
AWAY = 15.0  # seconds that a learner may have no page open (it is being reloaded) before nobody types for them
SAME = 60.0  # seconds in which who comes back to a terminal goes on with the watch they had

Key = tuple[str, str]  # class, member's id
ASKED, GRANTED = "asked", "granted"


@dataclass(eq=False)
class Watch:
    """A connection of an account (its name is told) that shows it a learner's terminal.

    `allowed` raises a LabError when it may no longer be; `over` is told that, and ends the connection.
    """

    of: str
    member: str
    learner: str
    who: Account
    session: str
    allowed: Callable[[], Awaitable[None]]
    over: Callable[[LabError], None]
    look: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def key(self) -> Key:
        return self.of, self.member


@dataclass(eq=False)
class Typing:
    """An account that asks to type in a learner's terminals, or may. `away`: since when the learner has no page open, or None."""

    who: Account
    state: str = ASKED
    away: float | None = None

    def public(self) -> dict[str, object]:
        return {"by": self.who.name, "state": self.state}


class Help:
    """One for the whole server."""

    def __init__(self, rooms: Rooms, clock: Clock | None = None) -> None:
        self._rooms, self._clock = rooms, clock or Clock()
        self._watches: dict[Key, list[Watch]] = {}
        self._typing: dict[Key, Typing] = {}
        self._left: dict[tuple[str, ...], float] = {}  # a watch that ended → when

    # --- watching ---

    def new(self, of: str, member: str, account: str, session: str) -> bool:
        """Whether this account's looking there would be a watch of its own, and not one that goes on after a cut."""
        now = self._clock.running()
        self._left = {key: at for key, at in self._left.items() if now - at < SAME}
        mine = (one for one in self._watches.get((of, member), ()) if one.who.id == account)
        return (of, member, account, session) not in self._left and all(one.session != session for one in mine)

    def begin(self, watch: Watch) -> None:
        """From here on the learner's pages say so. It is looked at once more at once: much may have happened meanwhile."""
        self._watches.setdefault(watch.key, []).append(watch)
        watch.look.set()
        watch.task = asyncio.create_task(self._keep(watch))
        self._rooms.stir(watch.of)

    def end(self, watch: Watch) -> None:
        """The connection is gone: so is what it was allowed. Nothing happens the second time."""
        there = self._watches.get(watch.key, [])
        if watch not in there:
            return
        there.remove(watch)
        self._left[watch.of, watch.member, watch.who.id, watch.session] = self._clock.running()
        if watch.task and watch.task is not asyncio.current_task():
            watch.task.cancel()
        typing = self._typing.get(watch.key)
        if typing and all(one.who.id != typing.who.id for one in there):
            del self._typing[watch.key]
        if not there:
            del self._watches[watch.key]
        self._rooms.stir(watch.of)

    def look(self, of: str) -> None:
        """Something of the class changed: who watches in it may be no longer allowed to."""
        for key, there in self._watches.items():
            if key[0] == of:
                for watch in there:
                    watch.look.set()

    async def _keep(self, watch: Watch) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(watch.look.wait(), LOOK_EVERY)
            watch.look.clear()
            try:
                await watch.allowed()
            except StoreFailed:
                continue  # unknown is not forbidden
            except LabError as why:
                watch.over(why)
                self.end(watch)
                return
            self._mind(watch)

    def _mind(self, watch: Watch) -> None:
        """Nobody types where the learner can't see that they do."""
        typing = self._typing.get(watch.key)
        if typing is None or typing.who.id != watch.who.id:
            return
        if self.present(watch.of, watch.learner):
            typing.away = None
        elif typing.away is None:
            typing.away = self._clock.running()
        elif self._clock.running() - typing.away > AWAY:
            self.stop(watch.of, watch.member)

    def present(self, of: str, learner: str) -> bool:
        """Whether the learner has a page open in the class's room."""
        room = self._rooms.get(of)
        return room is not None and learner in room.pages

    # --- typing ---

    def ask(self, of: str, member: str, who: Account) -> Typing:
        """Ask the learner whether this account may type. Again is the same. Raises Conflict."""
        key = of, member
        if all(watch.who.id != who.id for watch in self._watches.get(key, ())):
            raise Conflict("You don't watch a terminal of this learner.", "Watch it first, then ask.")
        there = self._typing.get(key)
        if there is None:
            there = self._typing[key] = Typing(who)
            self._rooms.stir(of)
        elif there.who.id != who.id:
            does = "asks to type" if there.state == ASKED else "types"
            raise Conflict(f"{there.who.name} {does} there already: one at a time.", "Ask again when they are done.")
        return there

    def asked(self, of: str, member: str, by: str | None = None) -> Typing:
        """What the learner is asked, by whom if that is said. Raises Conflict where nobody asks."""
        there = self._typing.get((of, member))
        if there is None or (by is not None and by != there.who.name):
            raise Conflict("Nobody asks to type in your terminal now.", "They may have left.")
        return there

    def grant(self, of: str, member: str, typing: Typing) -> None:
        """The learner agrees to this, if it still stands. Raises Conflict."""
        if self.asked(of, member) is not typing:
            raise Conflict("Who asked to type in your terminal has left.", "Somebody else asks now.")
        typing.state = GRANTED
        self._rooms.stir(of)

    def stop(self, of: str, member: str) -> None:
        """Nobody types from here on, nor asks to, whoever wants it so."""
        if self._typing.pop((of, member), None):
            self._rooms.stir(of)

    def types(self, watch: Watch) -> bool:
        """Whether what comes from this watch is typed."""
        typing = self._typing.get(watch.key)
        return typing is not None and typing.state == GRANTED and typing.who.id == watch.who.id

    # --- what is told ---

    def watchers(self, of: str, member: str) -> list[str]:
        """Names of those who look at a terminal of the learner now, each once, in the order in which they came."""
        return list(dict.fromkeys(watch.who.name for watch in self._watches.get((of, member), ())))

    def typing(self, of: str, member: str) -> Typing | None:
        return self._typing.get((of, member))

    def tell(self, room: Room, member: Member) -> dict[str, object]:
        """A teller, for the learner and for those who run the class."""
        typing = self._typing.get((room.id, member.id))
        return {"watchers": self.watchers(room.id, member.id), "typing": typing.public() if typing else None}

    async def close(self) -> None:
        tasks = [watch.task for there in self._watches.values() for watch in there if watch.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
