"""What a learner did, and how far it got: one record for each thing of a lesson.

Knows records. Doesn't know lessons: `lesson`, `kind` and `item` are names to it, `detail` is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import IntEnum
from typing import Any

from sqlalchemy import case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.store.tables import progress
from lab_server.store.upsert import insert

_KEY = ["learner", "lesson", "kind", "item"]


class Outcome(IntEnum):
    """How far it got. An outcome is never taken back; what is RIGHT keeps its detail too, whatever comes after."""

    BEGUN = 0
    DONE = 1
    RIGHT = 2


@dataclass(frozen=True)
class Record:
    """`first` and `last` are seconds since the epoch; `tries` counts until it was right."""

    lesson: str
    kind: str
    item: str
    outcome: Outcome
    detail: dict[str, Any]
    first: float
    last: float
    tries: int


def _record(row: Any) -> Record:
    return Record(
        row.lesson, row.kind, row.item, Outcome(row.outcome), dict(row.detail), row.first, row.last, row.tries
    )


async def keep(
    connection: AsyncConnection,
    learner: str,
    key: tuple[str, str, str],
    outcome: Outcome,
    detail: Mapping[str, Any],
    now: float,
    tried: bool = True,
) -> Record:
    """Keep what happened under (lesson, kind, item) of a learner who is there; the record as it is then.

    `tried`: whether this counts as a try.
    """
    lesson, kind, item = key
    row = insert(connection, progress).values(
        learner=learner,
        lesson=lesson,
        kind=kind,
        item=item,
        outcome=int(outcome),
        detail=dict(detail),
        first=now,
        last=now,
        tries=int(tried),
    )
    old, new = progress.c, row.excluded
    settled = old.outcome == int(Outcome.RIGHT)
    statement = row.on_conflict_do_update(
        index_elements=_KEY,
        set_={
            "outcome": case((old.outcome > new.outcome, old.outcome), else_=new.outcome),
            "detail": case((settled, old.detail), else_=new.detail),
            "last": new.last,
            "tries": old.tries + case((settled, 0), else_=new.tries),
        },
    ).returning(progress)
    return _record((await connection.execute(statement)).one())


async def one(connection: AsyncConnection, learner: str, key: tuple[str, str, str]) -> Record | None:
    there = progress.c
    query = select(progress).where(
        there.learner == learner, there.lesson == key[0], there.kind == key[1], there.item == key[2]
    )
    row = (await connection.execute(query)).one_or_none()
    return _record(row) if row else None


async def every(connection: AsyncConnection, learner: str) -> list[Record]:
    """All records of a learner, in the order of their keys."""
    there = progress.c
    query = select(progress).where(there.learner == learner).order_by(there.lesson, there.kind, there.item)
    return [_record(row) for row in await connection.execute(query)]


def further(one: Record, other: Record) -> Record:
    """Two records of the same thing as one: that which got further, of equals the later one."""
    ahead = max(one, other, key=lambda record: (record.outcome, record.last))
    return replace(
        ahead,
        first=min(one.first, other.first),
        last=max(one.last, other.last),
        tries=one.tries + other.tries,
    )


async def merge(connection: AsyncConnection, source: str, target: str) -> int:
    """Add `source`'s records to `target`'s; how many they were. `source` keeps its own."""
    mine = {(record.lesson, record.kind, record.item): record for record in await every(connection, target)}
    theirs = await every(connection, source)
    merged = []
    for record in theirs:
        same = mine.get((record.lesson, record.kind, record.item))
        merged.append(further(record, same) if same else record)
    if merged:
        row = insert(connection, progress)
        changed = {name: row.excluded[name] for name in ("outcome", "detail", "first", "last", "tries")}
        statement = row.on_conflict_do_update(index_elements=_KEY, set_=changed)
        values = [asdict(record) | {"learner": target, "outcome": int(record.outcome)} for record in merged]
        await connection.execute(statement, values)
    return len(theirs)
