"""What was recorded of terminals: a row each, of a member of a class. The bytes are in files (web/tapes.py).

Knows rows, and that none is begun without the learner's consent. Doesn't know terminals, files, or how long they are kept.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import NotFound
from lab_server.store import classes
from lab_server.store.classes import Class
from lab_server.store.members import Member
from lab_server.store.tables import members, recordings

_class = recordings.c["class"]


@dataclass(frozen=True)
class Recording:
    """`of` is the class's id, `member` the member's. Times are seconds since the epoch; `ended` is None while it goes on."""

    id: str
    of: str
    member: str
    session: str
    begun: float
    ended: float | None
    bytes: int


def _recording(row: Any) -> Recording:
    return Recording(row.id, row._mapping["class"], row.member, row.session, row.begun, row.ended, row.bytes)


async def agreed(connection: AsyncConnection) -> list[tuple[Member, Class]]:
    """Who consents to being recorded now, with the class that asked; whether it still asks is in its `limits`."""
    query = select(members).where(members.c.consented.is_not(None))
    found = list(await connection.execute(query))
    of = {id: await classes.get(connection, id) for id in {row._mapping["class"] for row in found}}
    return [
        (Member(row.id, one.id, row.learner, row.name, row.joined, consented=row.consented), one)
        for row in found
        if (one := of[row._mapping["class"]])
    ]


async def begin(connection: AsyncConnection, id: str, member: str, session: str, now: float) -> bool:
    """A recording of a member who consents; False where they don't, or are no longer there."""
    columns = ["id", "class", "member", "session", "begun", "bytes"]
    values = (literal(id), members.c["class"], members.c.id, literal(session), literal(now), literal(0))
    query = select(*values).where(members.c.id == member, members.c.consented.is_not(None))
    return (await connection.execute(insert(recordings).from_select(columns, query))).rowcount > 0


async def finish(connection: AsyncConnection, id: str, ended: float, size: int) -> bool:
    """It goes on no more; False where it is gone."""
    done = update(recordings).where(recordings.c.id == id).values(ended=ended, bytes=size)
    return (await connection.execute(done)).rowcount > 0


async def unfinished(connection: AsyncConnection) -> list[Recording]:
    query = select(recordings).where(recordings.c.ended.is_(None))
    return [_recording(row) for row in await connection.execute(query)]


async def of_class(connection: AsyncConnection, of: str, most: int = 1000) -> list[Recording]:
    """The newest first."""
    query = select(recordings).where(_class == of).order_by(recordings.c.begun.desc(), recordings.c.id).limit(most)
    return [_recording(row) for row in await connection.execute(query)]


async def of_learner(connection: AsyncConnection, learner: str, of: str = "") -> list[Recording]:
    """In every class, or one; the oldest first."""
    query = select(recordings).join(members, members.c.id == recordings.c.member).where(members.c.learner == learner)
    query = query.where(_class == of) if of else query
    return [_recording(row) for row in await connection.execute(query.order_by(recordings.c.begun, recordings.c.id))]


async def get(connection: AsyncConnection, of: str, id: str) -> Recording:
    """Raises NotFound, also for another class's."""
    row = (await connection.execute(select(recordings).where(recordings.c.id == id, _class == of))).one_or_none()
    if row is None:
        raise NotFound("There is no such recording.", "Its learner may have deleted it, or its time was over.")
    return _recording(row)


async def remove(connection: AsyncConnection, ids: Collection[str]) -> None:
    await connection.execute(delete(recordings).where(recordings.c.id.in_(ids)))


async def ids(connection: AsyncConnection) -> set[str]:
    """Of all there are."""
    return set((await connection.execute(select(recordings.c.id))).scalars())


async def drop(connection: AsyncConnection, before: float) -> list[str]:
    """Forget those that were begun before; their ids."""
    gone = delete(recordings).where(recordings.c.begun < before).returning(recordings.c.id)
    return list((await connection.execute(gone)).scalars())


async def not_later(connection: AsyncConnection, now: float) -> None:
    """What was begun by a clock that was ahead, and was set back since, counts from now: else it would be kept for too long."""
    await connection.execute(update(recordings).where(recordings.c.begun > now).values(begun=now))
