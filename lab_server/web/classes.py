"""Classes as those who run them have them: made, changed, looked at; who learns in one and how far each is.

Knows what each role may do, the catalogue and the store. Knows neither HTTP nor SQL, nor how one joins (joining.py). Every method
raises StoreFailed while the database can't be used, NotFound for a class in which the account has no role, Refused where its role
doesn't suffice, and Unfit for a field that can't be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import NotFound, Refused
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.store import accounts, audit, classes, members, names, staff
from lab_server.store.accounts import Account
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.store.staff import Place, Role
from lab_server.web.faults import Unfit
from lab_server.web.standings import Standing, Standings
from lab_server.web.terms import Terms, span, times

LONGEST_TITLE = 80  # characters
ADMIN = "admin"


@dataclass(frozen=True)
class Held:
    """A class, as one who runs it has it. `role` is the account's in it, or ADMIN; `learners` is how many there are."""

    it: Class
    state: str
    role: str
    learners: int
    staff: Sequence[Place]


def fit(text: str, longest: int = names.LONGEST) -> str:
    """A name or a title, as it is kept. Raises Unfit."""
    try:
        return names.normal(text, longest)
    except ValueError as why:
        raise Unfit(
            str(why).replace("name", "title") if longest != names.LONGEST else str(why), "Choose another."
        ) from None


def limited(host: Terms, there: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A class's limits with what is given of them; None takes one away. Raises Unfit for what is beyond the host's own."""
    if (idle := given.get("idle")) and host.idle and 60 * idle > host.idle:
        raise Unfit(f"Here a sandbox that nobody uses ends after {span(host.idle)}.", "Choose that, or less.")
    if (limit := given.get("limit")) and host.limit and 60 * limit > host.limit:
        raise Unfit(f"Here a sandbox ends after {span(host.limit)}.", "Choose that, or less.")
    if (often := given.get("extensions")) and often > host.extensions:
        raise Unfit(
            f"Here the time of a sandbox can be extended {times(host.extensions)} at the most.", "Choose that, or less."
        )
    return {name: value for name, value in (dict(there) | dict(given)).items() if value is not None}


def lessons_of(catalog: Catalog, of: Class) -> list[Lesson]:
    """What is taught in it, in the catalogue's order; a lesson that is no longer there is left out."""
    return [lesson for lesson in catalog.lessons if not of.lessons or lesson.id in of.lessons]


class Classes:
    """One for the whole server. `clock`: seconds since the epoch. `changed` is told the id of a class that, or whose learners, did."""

    def __init__(
        self, catalog: Catalog, store: Store, clock: Callable[[], float] = time.time, host: Terms | None = None
    ) -> None:
        self._catalog, self._store, self._clock = catalog, store, clock
        self._host = host or Terms()  # what no class goes beyond
        self.standings = Standings(catalog)
        self.changed: Callable[[str], None] = lambda id: None

    async def allowed(self, who: Account, id: str, *, change: bool = False) -> tuple[Class, str]:
        """The class, and the account's role in it; for what is done in its room. `change`: an assistant may not."""
        async with self._store.read() as at:
            return await _allowed(at, who, id, change=change)

    async def learner(self, who: Account, id: str, member: str) -> tuple[Class, Member]:
        """The class and a learner in it, by the member's id; for what anybody who runs it may. Raises NotFound for another class's."""
        async with self._store.read() as at:
            one, _ = await _allowed(at, who, id)
            return one, await members.get(at, id, member)

    async def note(self, who: Account, of: Class, act: str, member: str = "", **detail: Any) -> None:
        """An entry of the audit log: to be there before what it tells of is done."""
        async with self._store.write() as at:
            await audit.add(at, of, who, act, self._clock(), member, **detail)

    # --- classes ---

    async def all(self, who: Account) -> list[Held]:
        """Those that the account has a role in, an admin every one; the newest first."""
        async with self._store.read() as at:
            found = await classes.every(at, None if who.admin else who.id)
            roles = await staff.roles(at, who.id)
            return await self._held(at, [(one, roles.get(one.id, ADMIN)) for one in found])

    async def get(self, who: Account, id: str) -> Held:
        async with self._store.read() as at:
            one, role = await _allowed(at, who, id)
            return (await self._held(at, [(one, role)]))[0]

    async def make(
        self,
        who: Account,
        title: str,
        lessons: Sequence[str],
        seats: int,
        opens: float | None,
        closes: float | None,
        limits: Mapping[str, Any] = MappingProxyType({}),
    ) -> Held:
        """A class with a code; the account is its instructor. `limits` as in terms.py."""
        title, chosen = fit(title, LONGEST_TITLE), self._chosen(lessons)
        _check_times(opens, closes)
        held, now = limited(self._host, {}, limits), self._clock()
        async with self._store.write() as at:
            made = await classes.make(at, title, chosen, seats, opens, closes, now, held)
            await staff.put(at, made.id, who.id, Role.INSTRUCTOR, now)
            return (await self._held(at, [(made, Role.INSTRUCTOR)]))[0]

    async def change(self, who: Account, id: str, version: int, given: Mapping[str, Any]) -> Held:
        """Change what is given of title, lessons, seats, opens, closes, state, limits. Raises Conflict where `version` is not today's.

        Of `limits`, what is left out stays. Where no recording is asked for any more, nobody's consent is left.
        """
        changes = dict(given)
        state, limits = changes.pop("state", None), changes.pop("limits", None)
        if "title" in changes:
            changes["title"] = fit(changes["title"], LONGEST_TITLE)
        if "lessons" in changes:
            changes["lessons"] = list(self._chosen(changes["lessons"]))
        async with self._store.write() as at:
            one, role = await _allowed(at, who, id, change=True)
            changes |= _become(one, state, self._clock())
            if limits is not None:
                changes["limits"] = limited(self._host, one.limits, limits)
            if one.limits.get("record") and limits and limits.get("record") is False:
                await members.ask_anew(at, id)
            _check_times(changes.get("opens", one.opens), changes.get("closes", one.closes))
            changed = await classes.change(at, id, version, changes)
            held = (await self._held(at, [(changed, role)]))[0]
        self.changed(id)
        return held

    async def new_code(self, who: Account, id: str, version: int) -> Held:
        """Another code: the earlier one, its link and its picture lead nowhere from here on. Raises Conflict."""
        async with self._store.write() as at:
            _, role = await _allowed(at, who, id, change=True)
            changed = await classes.new_code(at, id, version)
            held = (await self._held(at, [(changed, role)]))[0]
        self.changed(id)
        return held

    async def delete(self, who: Account, id: str) -> None:
        """The class is gone, and who was in it; learners' progress is theirs and stays."""
        async with self._store.write() as at:
            of, _ = await _allowed(at, who, id, change=True)
            await audit.add(at, of, who, audit.DELETED, self._clock())
            await classes.delete(at, id)
        self.changed(id)

    # --- who is in one ---

    async def roster(self, who: Account, id: str) -> tuple[list[Lesson], list[Standing]]:
        """The class's lessons, and its learners in the order in which they joined."""
        async with self._store.read() as at:
            one, _ = await _allowed(at, who, id)
            lessons = lessons_of(self._catalog, one)
            there = await members.of_class(at, id)
            return lessons, await self.standings.of(at, id, there, [lesson.id for lesson in lessons])

    async def remove(self, who: Account, id: str, member: str) -> None:
        """Take a learner out. With the code they can join again."""
        async with self._store.write() as at:
            of, _ = await _allowed(at, who, id, change=True)
            await members.remove(at, id, member)
            await audit.add(at, of, who, audit.REMOVED, self._clock(), member)
        self.changed(id)

    async def put_staff(self, who: Account, id: str, name: str, role: Role) -> Held:
        """Give the account of that name a role. Raises Conflict where no instructor would be left."""
        async with self._store.write() as at:
            await _allowed(at, who, id, change=True)
            found = await accounts.find(at, name)
            if found is None:
                raise NotFound(f"There is no account called {name!r}.", "An admin makes one: labs admin create")
            await staff.put(at, id, found[0].id, role, self._clock())
            held = await self._again(at, who, id)
        self.changed(id)
        return held

    async def remove_staff(self, who: Account, id: str, account: str) -> None:
        """Oneself too. Raises Conflict where no instructor would be left."""
        async with self._store.write() as at:
            await _allowed(at, who, id, change=account != who.id)
            await classes.get(at, id, hold=True)
            await staff.remove(at, id, account)
        self.changed(id)

    # --- parts of these ---

    async def _again(self, at: AsyncConnection, who: Account, id: str) -> Held:
        one, role = await _allowed(at, who, id)
        return (await self._held(at, [(one, role)]))[0]

    async def _held(self, at: AsyncConnection, found: Sequence[tuple[Class, str]]) -> list[Held]:
        ids = [one.id for one, _ in found]
        counts, places, now = await members.counts(at, ids), await staff.of_classes(at, ids), self._clock()
        return [Held(one, one.state(now), str(role), counts[one.id], places[one.id]) for one, role in found]

    def _chosen(self, lessons: Sequence[str]) -> tuple[str, ...]:
        known = {lesson.id for lesson in self._catalog.lessons}
        if unknown := [id for id in lessons if id not in known]:
            raise Unfit(f"There is no lesson {unknown[0]!r}.", "GET /api/lessons lists them.")
        return tuple(dict.fromkeys(lessons))


async def _allowed(at: AsyncConnection, who: Account, id: str, *, change: bool = False) -> tuple[Class, str]:
    """The class and the account's role. One that changes something has it to itself until the transaction ends."""
    role = await staff.role(at, id, who.id)
    if role is None and not who.admin:
        raise NotFound("There is no such class.", "The list of your classes has those there are.")
    one = await classes.get(at, id, hold=change)
    if change and role is not Role.INSTRUCTOR and not who.admin:
        raise Refused("An assistant sees a class, and can't change it.", "Ask its instructor.")
    return one, ADMIN if who.admin and role is not Role.INSTRUCTOR else str(role)


def _check_times(opens: float | None, closes: float | None) -> None:
    if opens is not None and closes is not None and closes <= opens:
        raise Unfit("A class closes after it opens.", "Choose a later time for its end.")


def _become(one: Class, state: str | None, now: float) -> dict[str, Any]:
    """What has to change for that state. Opening clears the times that speak against it."""
    if state == classes.OPEN:
        changes: dict[str, Any] = {"closed": False, "archived": False}
        if one.opens is not None and now < one.opens:
            changes["opens"] = None
        if one.closes is not None and one.closes <= now:
            changes["closes"] = None
        return changes
    if state == classes.CLOSED:
        return {"closed": True, "archived": False}
    return {"archived": True} if state == classes.ARCHIVED else {}
