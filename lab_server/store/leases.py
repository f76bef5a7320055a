"""Which learner had which sandbox, until when, and how it ended.

Knows rows. Doesn't know sandboxes or clocks. What there *is* stands in the spawner's labels: these rows add to it what labels
can't say, the time that is left and why a sandbox ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.store import learners
from lab_server.store.tables import leases
from lab_server.store.upsert import insert


@dataclass(frozen=True)
class Lease:
    """`since`, `active` (last use), `noted` (when this was written), `ended`: seconds since the epoch.

    `idle_left`, `limit_left`: seconds that were left at `noted`, None for ever: no deadline of a clock that may be set.
    `state`: starting, ready, failed, ended; `reason`: "" while it lives, then idle, limit, lost, failed.
    """

    id: str
    owner: str
    lesson: str
    state: str
    since: float
    active: float
    noted: float
    idle_left: float | None
    limit_left: float | None
    extended: int
    reason: str
    ended: float | None


_COLUMNS = [field.name for field in fields(Lease)]


async def keep(connection: AsyncConnection, rows: Sequence[Lease]) -> None:
    """Write leases that may not be there yet; their learners are from then on."""
    for row in sorted(rows, key=lambda row: row.owner):  # everybody locks in the same order
        await learners.touch(connection, row.owner, row.noted)
        made = insert(connection, leases).values(**asdict(row))
        changed = {name: made.excluded[name] for name in _COLUMNS if name != "id"}
        await connection.execute(made.on_conflict_do_update(index_elements=["id"], set_=changed))


async def note(connection: AsyncConnection, rows: Sequence[Lease]) -> None:
    """Write how leases are now; those that are not there (their learner was forgotten) are left out."""
    if rows:
        changed: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _COLUMNS if name not in ("id", "owner")}
        statement = update(leases).where(leases.c.id == bindparam("new_id")).values(**changed)
        await connection.execute(statement, [{f"new_{k}": v for k, v in asdict(row).items()} for row in rows])


async def drop(connection: AsyncConnection, ids: Iterable[str]) -> None:
    await connection.execute(delete(leases).where(leases.c.id.in_(list(ids))))


async def purge(connection: AsyncConnection, before: float) -> None:
    """Nothing is left of leases that ended before that time."""
    await connection.execute(delete(leases).where(leases.c.ended < before))


async def every(connection: AsyncConnection) -> list[Lease]:
    """All there are, the oldest first."""
    return [Lease(*row) for row in await connection.execute(_select().order_by(leases.c.since))]


async def of(connection: AsyncConnection, owner: str) -> list[Lease]:
    """One learner's, the oldest first."""
    query = _select().where(leases.c.owner == owner).order_by(leases.c.since)
    return [Lease(*row) for row in await connection.execute(query)]


def _select() -> Select[Any]:
    return select(*(leases.c[name] for name in _COLUMNS))
