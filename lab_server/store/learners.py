"""Who there is: a learner's row, two learners becoming one, and forgetting.

Knows ids. Doesn't know cookies. Each call is one part of the transaction of `connection`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.store import members, progress
from lab_server.store.tables import learners
from lab_server.store.upsert import insert


@dataclass(frozen=True)
class Learner:
    """`made` and `seen` (last wrote something) are seconds since the epoch."""

    id: str
    made: float
    seen: float


async def touch(connection: AsyncConnection, id: str, now: float) -> None:
    """Make sure that the learner is there. Until the transaction ends nobody else changes anything of theirs."""
    row = insert(connection, learners).values(id=id, made=now, seen=now)
    await connection.execute(row.on_conflict_do_update(index_elements=["id"], set_={"seen": row.excluded.seen}))


async def find(connection: AsyncConnection, id: str) -> Learner | None:
    row = (await connection.execute(select(learners).where(learners.c.id == id))).one_or_none()
    return Learner(*row) if row else None


async def merge(connection: AsyncConnection, source: str, target: str, now: float) -> int:
    """What `source` did is `target`'s from now on, where the two did the same the further outcome; `source` is gone.

    How many records there were of `source`.
    """
    for id in sorted((source, target)):  # everybody locks in the same order
        await touch(connection, id, now)
    moved = await progress.merge(connection, source, target)
    await members.merge(connection, source, target)
    await forget(connection, source)
    return moved


async def forget(connection: AsyncConnection, id: str) -> None:
    """No row of the learner is left, in any table (they all refer to this one, and go with it)."""
    await connection.execute(delete(learners).where(learners.c.id == id))
