"""Who learns in a class: learners, each with a nickname that nobody else in the class has.

Knows rows. Doesn't know who may join, or why somebody is taken out. `id` names a member to instructors; a learner's own id is told
to nobody.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.store import classes, names
from lab_server.store.classes import Class
from lab_server.store.progress import Outcome, Record
from lab_server.store.tables import members, progress

_class = members.c["class"]
AT_ONCE = 500  # rows that are looked through in one go


@dataclass(frozen=True)
class Member:
    """`of` is the class's id. Times are seconds since the epoch: `hand` is since when it is raised, with a `question`, or None;
    `consented` is since when the learner agrees to being recorded, or None."""

    id: str
    of: str
    learner: str
    name: str
    joined: float
    hand: float | None = None
    question: str = ""
    consented: float | None = None


@dataclass(frozen=True)
class Brief:
    """How far a thing of a lesson got: progress.Record without its detail and times."""

    lesson: str
    kind: str
    item: str
    outcome: Outcome


@dataclass(frozen=True)
class Stamp:
    """Of what a member did in a lesson: how many things, the sum of their outcomes, the time of the last."""

    records: int
    outcomes: int
    last: float


def _member(row: Any) -> Member:
    of = row._mapping["class"]
    return Member(row.id, of, row.learner, row.name, row.joined, row.hand, row.question, row.consented)


async def join(connection: AsyncConnection, of: Class, learner: str, name: str, now: float) -> tuple[Member, bool]:
    """The learner, who is there, in a class that is held; and whether they joined now. Who is in it already gets the name.

    Raises Conflict where another has a name that reads alike, or every seat is taken.
    """
    there = await find(connection, of.id, learner)
    key = names.key(name)
    same = await _find(connection, _class == of.id, members.c.key == key)
    if same and same.learner != learner:
        raise Conflict(
            f"Somebody in this class is called {same.name!r} already.",
            f"Take another name, such as {await _free(connection, of.id, name)!r}.",
        )
    if there:
        await connection.execute(update(members).where(members.c.id == there.id).values(name=name, key=key))
        return replace(there, name=name), False
    if (await counts(connection, [of.id]))[of.id] >= of.seats:
        raise Conflict(f"Every seat of this class is taken ({of.seats}).", "Its instructor can add some.")
    made = Member(secrets.token_hex(6), of.id, learner, name, now)
    row = {"id": made.id, "class": of.id, "learner": learner, "name": name, "key": key, "joined": now}
    await connection.execute(members.insert().values(row))
    return made, True


async def _find(connection: AsyncConnection, *where: Any) -> Member | None:
    row = (await connection.execute(select(members).where(*where))).one_or_none()
    return _member(row) if row else None


async def _free(connection: AsyncConnection, of: str, name: str) -> str:
    """The name with the first number behind it that nobody has."""
    taken = set((await connection.execute(select(members.c.key).where(_class == of))).scalars())
    short = name[: names.LONGEST - 5].rstrip()
    return next(free for n in range(2, len(taken) + 3) if names.key(free := f"{short} {n}") not in taken)


async def find(connection: AsyncConnection, of: str, learner: str) -> Member | None:
    return await _find(connection, _class == of, members.c.learner == learner)


async def of_class(connection: AsyncConnection, of: str) -> list[Member]:
    """In the order in which they joined."""
    query = select(members).where(_class == of).order_by(members.c.joined, members.c.id)
    return [_member(row) for row in await connection.execute(query)]


async def get(connection: AsyncConnection, of: str, id: str) -> Member:
    """By the member's id. Raises NotFound, also for another class's."""
    found = await _find(connection, _class == of, members.c.id == id)
    if found is None:
        raise _unknown()
    return found


async def change(connection: AsyncConnection, of: str, learner: str, changes: Mapping[str, Any]) -> None:
    """Change hand, question or consented of a learner in a class. Raises NotFound where they are not in it."""
    assert set(changes) <= {"hand", "question", "consented"}, changes
    changed = update(members).where(members.c.learner == learner, _class == of).values(**changes)
    if not (await connection.execute(changed)).rowcount:
        raise NotFound("You are not in this class.", "You may have left it already.")


async def ask_anew(connection: AsyncConnection, of: str) -> None:
    """Nobody in the class consents to being recorded any more: who asks again, asks everybody."""
    await connection.execute(update(members).where(_class == of).values(consented=None))


async def of_learner(connection: AsyncConnection, learner: str) -> list[tuple[Member, Class]]:
    """Where the learner is in, the newest first."""
    query = select(members).where(members.c.learner == learner).order_by(members.c.joined.desc(), members.c.id)
    found = [_member(row) for row in await connection.execute(query)]
    return [(member, await classes.get(connection, member.of)) for member in found]


async def classes_of(connection: AsyncConnection, some: Sequence[str]) -> Mapping[str, list[Class]]:
    """Learner → the classes that they are in and that aren't archived, for those of some learners who are in any."""
    found: dict[str, list[Class]] = {}
    for start in range(0, len(some), AT_ONCE):
        where = members.c.learner.in_(some[start : start + AT_ONCE])
        rows = await connection.execute(select(members.c.learner, _class).where(where))
        mine = [(row[0], row[1]) for row in rows]
        there = await classes.some(connection, {of for _, of in mine})
        for learner, of in mine:
            if of in there and not there[of].archived:
                found.setdefault(learner, []).append(there[of])
    return found


async def counts(connection: AsyncConnection, of: Sequence[str]) -> Mapping[str, int]:
    """How many learners each class has."""
    query = select(_class, func.count()).where(_class.in_(of)).group_by(_class)
    return dict.fromkeys(of, 0) | {row[0]: row[1] for row in await connection.execute(query)}


async def remove(connection: AsyncConnection, of: str, member: str) -> None:
    """Raises NotFound, also for another class's. The learner's progress stays theirs."""
    gone = await connection.execute(delete(members).where(members.c.id == member, _class == of))
    if not gone.rowcount:
        raise _unknown()


def _unknown() -> NotFound:
    return NotFound("There is no such learner in this class.", "They may have left.")


async def leave(connection: AsyncConnection, of: str, learner: str) -> None:
    """Raises NotFound."""
    gone = await connection.execute(delete(members).where(members.c.learner == learner, _class == of))
    if not gone.rowcount:
        raise NotFound("You are not in this class.", "You may have left it already.")


async def stamps(connection: AsyncConnection, of: str, lessons: Sequence[str]) -> Mapping[tuple[str, str], Stamp]:
    """(member's id, lesson) → a stamp, for what anything was done in: another one means that something more was."""
    there = progress.c
    query = (
        select(members.c.id, there.lesson, func.count(), func.sum(there.outcome), func.max(there.last))
        .join(progress, there.learner == members.c.learner)
        .where(_class == of, there.lesson.in_(lessons))
        .group_by(members.c.id, there.lesson)
    )
    found: dict[tuple[str, str], Stamp] = {}
    for some in (await connection.execute(query)).partitions(AT_ONCE):
        found |= {(row[0], row[1]): Stamp(row[2], int(row[3]), row[4]) for row in some}
        await asyncio.sleep(0)  # a big class has thousands: others wait for this loop
    return found


async def did(connection: AsyncConnection, some: Sequence[str], lessons: Sequence[str]) -> Mapping[str, list[Brief]]:
    """Member's id → what they did in these lessons, for those of some members who did anything."""
    there = progress.c
    query = (
        select(members.c.id, there.lesson, there.kind, there.item, there.outcome)
        .join(progress, there.learner == members.c.learner)
        .where(members.c.id.in_(some), there.lesson.in_(lessons))
    )
    found: dict[str, list[Brief]] = {}
    for row in await connection.execute(query):
        brief = Brief(row.lesson, row.kind, row.item, Outcome(row.outcome))
        found.setdefault(row.id, []).append(brief)
    return found


async def done_in(connection: AsyncConnection, of: str) -> list[str]:
    """Every lesson in which a member of the class did something, whether or not it is still taught."""
    query = select(progress.c.lesson).distinct().join(members, progress.c.learner == members.c.learner)
    return list((await connection.execute(query.where(_class == of))).scalars())


async def kept(
    connection: AsyncConnection, some: Sequence[str], lessons: Sequence[str]
) -> list[tuple[Member, list[Record]]]:
    """Of some members, by id, those who are still there, in this order, with everything kept of them in these lessons."""
    there = progress.c
    found = {row.id: _member(row) for row in await connection.execute(select(members).where(members.c.id.in_(some)))}
    query = (
        select(members.c.id, *there)
        .join(progress, there.learner == members.c.learner)
        .where(members.c.id.in_(some), there.lesson.in_(lessons))
        .order_by(there.lesson, there.kind, there.item)
    )
    records: dict[str, list[Record]] = {id: [] for id in found}
    for row in await connection.execute(query):
        names = (row.lesson, row.kind, row.item, Outcome(row.outcome), dict(row.detail))
        if row.id in records:
            records[row.id].append(Record(*names, row.first, row.last, row.tries))
    return [(found[id], records[id]) for id in some if id in found]


async def merge(connection: AsyncConnection, source: str, target: str) -> None:
    """Where `source` is in, `target` is from here on; where both are, `target` stays and `source` goes with its learner."""
    both = select(_class).where(members.c.learner == target)
    moved = update(members).where(members.c.learner == source, _class.not_in(both)).values(learner=target)
    await connection.execute(moved)
