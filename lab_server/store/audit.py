"""The audit log: what those who run classes did to others in them. Added to, never changed; old entries are dropped.

Knows rows. Doesn't know which acts are worth one, nor how long they are kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.store.accounts import Account
from lab_server.store.classes import Class
from lab_server.store.tables import audit

WATCHED, TYPED, RESET, REMOVED, DELETED, PAUSED, ENDED, EXPORTED, PLAYED = ACTS = (
    "watched",
    "typed",
    "reset",
    "removed",
    "deleted",
    "paused",
    "ended",
    "exported",
    "played",
)


@dataclass(frozen=True)
class Entry:
    """`at` is seconds since the epoch; `title`, `name`: of the class and the account then. `member` is an id, or ""."""

    id: int
    at: float
    of: str
    title: str
    account: str
    name: str
    act: str
    member: str
    detail: Mapping[str, Any]


async def add(
    connection: AsyncConnection, of: Class, who: Account, act: str, now: float, member: str = "", **detail: Any
) -> None:
    """`act` is one of ACTS."""
    assert act in ACTS, act
    row = {"at": now, "class": of.id, "title": of.title, "account": who.id, "name": who.name, "act": act}
    await connection.execute(audit.insert().values(**row, member=member, detail=detail))


async def of_class(connection: AsyncConnection, of: str, most: int = 1000) -> list[Entry]:
    """The newest first."""
    query = select(audit).where(audit.c["class"] == of).order_by(audit.c.id.desc()).limit(most)
    return [Entry(*row) for row in await connection.execute(query)]


async def every(connection: AsyncConnection, of: str = "") -> AsyncIterator[Entry]:
    """All entries, or a class's, also of one that is gone; the oldest first."""
    query = select(audit).order_by(audit.c.id)
    async for row in await connection.stream(query.where(audit.c["class"] == of) if of else query):
        yield Entry(*row)


async def drop(connection: AsyncConnection, before: float) -> int:
    """Forget what is older; how many entries those were."""
    return (await connection.execute(delete(audit).where(audit.c.at < before))).rowcount
