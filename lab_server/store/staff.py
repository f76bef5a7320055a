"""Who runs a class: accounts, each with a role in it.

Knows rows and the roles' order. Doesn't know what a role lets one do (web/classes.py), nor learners (members.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.store.tables import accounts, staff
from lab_server.store.upsert import insert

_class = staff.c["class"]


class Role(StrEnum):
    """An assistant sees a class; an instructor changes it too. What learners are is in members.py; admins have no row here."""

    ASSISTANT = "assistant"
    INSTRUCTOR = "instructor"


@dataclass(frozen=True)
class Place:
    """`name` is the account's."""

    account: str
    name: str
    role: Role


async def put(connection: AsyncConnection, of: str, account: str, role: Role, now: float) -> None:
    """Give an account a role, or another. The class is held. Raises Conflict where nobody would be its instructor then."""
    if role is not Role.INSTRUCTOR:
        await _keep_one(connection, of, account)
    row = insert(connection, staff).values({"class": of, "account": account, "role": role.value, "since": now})
    changed = {"role": row.excluded.role}
    await connection.execute(row.on_conflict_do_update(index_elements=["class", "account"], set_=changed))


async def remove(connection: AsyncConnection, of: str, account: str) -> None:
    """The class is held. Raises NotFound; Conflict for its only instructor."""
    await _keep_one(connection, of, account)
    gone = await connection.execute(delete(staff).where(_class == of, staff.c.account == account))
    if not gone.rowcount:
        raise NotFound("This account has no role in the class.")


async def _keep_one(connection: AsyncConnection, of: str, account: str) -> None:
    if await role(connection, of, account) is not Role.INSTRUCTOR:
        return
    others = select(func.count()).select_from(staff)
    others = others.where(_class == of, staff.c.role == Role.INSTRUCTOR.value, staff.c.account != account)
    if not (await connection.execute(others)).scalar_one():
        raise Conflict("A class has at least one instructor.", "Give somebody else that role first.")


async def role(connection: AsyncConnection, of: str, account: str) -> Role | None:
    query = select(staff.c.role).where(_class == of, staff.c.account == account)
    found = (await connection.execute(query)).scalar_one_or_none()
    return Role(found) if found is not None else None


async def roles(connection: AsyncConnection, account: str) -> dict[str, Role]:
    """Class's id → the account's role there."""
    query = select(_class, staff.c.role).where(staff.c.account == account)
    return {row[0]: Role(row[1]) for row in await connection.execute(query)}


async def of_classes(connection: AsyncConnection, of: Sequence[str]) -> dict[str, list[Place]]:
    """Class's id → who runs it, in the order in which they came."""
    query = (
        select(_class, staff.c.account, accounts.c.name, staff.c.role)
        .join(accounts, accounts.c.id == staff.c.account)
        .where(_class.in_(of))
        .order_by(staff.c.since, accounts.c.name)
    )
    found: dict[str, list[Place]] = {id: [] for id in of}
    for row in await connection.execute(query):
        found[row[0]].append(Place(row.account, row.name, Role(row.role)))
    return found
