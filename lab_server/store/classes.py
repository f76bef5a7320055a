"""Classes: what is taught in one, by which code it is joined, when it is open.

Knows the columns, a class's state at a moment, and that what was changed meanwhile isn't changed unseen (`version`). Doesn't know
who may do it, lessons (`lessons` are names), nor who is in a class (members.py, staff.py).

A code is nine digits: they are read aloud in any language, and typed on any keyboard. That is 10⁹, of which an address can try
one every ten seconds (web/api/parts.py): with 50 classes, years of tries for a seat in one of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete as delete_from
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.store.tables import classes, staff

DIGITS, GROUP = 9, 3
PLANNED, OPEN, CLOSED, ARCHIVED = STATES = ("planned", "open", "closed", "archived")
CHANGES = {"title", "lessons", "seats", "opens", "closes", "closed", "archived", "code", "limits"}
_MISREAD = str.maketrans("OoQIilL", "0001111")
_BETWEEN = set(" -\t\r\n.·–")


@dataclass(frozen=True)
class Class:
    """`lessons`: ids, none for the whole course. Times are seconds since the epoch; None: there is no such time.

    `closed`: by hand, whatever the times say. `version` counts changes, from 1; of `room`, what applies to everybody in it now,
    it counts none. `limits`: what its learners' sandboxes may.
    """

    id: str
    title: str
    lessons: tuple[str, ...]
    code: str
    seats: int
    opens: float | None
    closes: float | None
    closed: bool
    archived: bool
    made: float
    version: int
    room: Mapping[str, Any]
    limits: Mapping[str, Any]

    def state(self, now: float) -> str:
        """One of STATES. Times go by the server's clock; what was done by hand stays, however the clock jumps."""
        if self.archived:
            return ARCHIVED
        if self.closed or (self.closes is not None and self.closes <= now):
            return CLOSED
        return PLANNED if self.opens is not None and now < self.opens else OPEN


def _class(row: Any) -> Class:
    return Class(
        row.id,
        row.title,
        tuple(row.lessons),
        row.code,
        row.seats,
        row.opens,
        row.closes,
        bool(row.closed),
        bool(row.archived),
        row.made,
        row.version,
        row.room,
        row.limits,
    )


def normal(text: str) -> str:
    """A code as typed → its digits; "" for what can't be one. Blanks, hyphens and dots don't matter, nor O for 0, I or l for 1."""
    digits = "".join(char for char in text if char not in _BETWEEN).translate(_MISREAD)
    return digits if len(digits) == DIGITS and digits.isascii() and digits.isdigit() else ""


def shown(code: str) -> str:
    """`123-456-789`."""
    return "-".join(code[i : i + GROUP] for i in range(0, DIGITS, GROUP))


async def _new_code(connection: AsyncConnection) -> str:
    while True:
        code = str(secrets.randbelow(9 * 10 ** (DIGITS - 1)) + 10 ** (DIGITS - 1))  # no 0 at its begin: none is lost
        if (await connection.execute(select(classes.c.id).where(classes.c.code == code))).first() is None:
            return code


async def make(
    connection: AsyncConnection,
    title: str,
    lessons: tuple[str, ...],
    seats: int,
    opens: float | None,
    closes: float | None,
    now: float,
    limits: Mapping[str, Any] | None = None,
) -> Class:
    """A new class, with a code, and nobody in it."""
    code = await _new_code(connection)
    made = Class(
        secrets.token_hex(6), title, lessons, code, seats, opens, closes, False, False, now, 1, {}, dict(limits or {})
    )
    await connection.execute(classes.insert().values(**vars(made) | {"lessons": list(lessons)}))
    return made


async def get(connection: AsyncConnection, id: str, *, hold: bool = False) -> Class:
    """`hold`: nobody else changes it before this transaction ends. Raises NotFound."""
    query = select(classes).where(classes.c.id == id)
    row = (await connection.execute(query.with_for_update() if hold else query)).one_or_none()
    if row is None:
        raise NotFound("There is no such class.", "The list of your classes has those there are.")
    return _class(row)


async def some(connection: AsyncConnection, ids: Iterable[str]) -> Mapping[str, Class]:
    """Those of these that are there."""
    return {row.id: _class(row) for row in await connection.execute(select(classes).where(classes.c.id.in_(ids)))}


async def by_code(connection: AsyncConnection, text: str, *, hold: bool = False) -> Class | None:
    """Whose code this is, as typed; None when it is no class's. `hold` as in `get`."""
    code = normal(text)
    if not code:
        return None
    query = select(classes).where(classes.c.code == code)
    row = (await connection.execute(query.with_for_update() if hold else query)).one_or_none()
    return _class(row) if row else None


async def every(connection: AsyncConnection, account: str | None) -> list[Class]:
    """Those that the account has a role in, or all (None); the newest first."""
    query = select(classes).order_by(classes.c.made.desc(), classes.c.id)
    if account is not None:
        query = query.join(staff, staff.c["class"] == classes.c.id).where(staff.c.account == account)
    return [_class(row) for row in await connection.execute(query)]


async def change(connection: AsyncConnection, id: str, version: int, changes: Mapping[str, Any]) -> Class:
    """Change what is named (CHANGES), if the class is still as it was at `version`. Raises NotFound, Conflict."""
    assert set(changes) <= CHANGES, changes
    statement = (
        update(classes)
        .where(classes.c.id == id, classes.c.version == version)
        .values(**changes, version=version + 1)
        .returning(classes)
    )
    row = (await connection.execute(statement)).one_or_none()
    if row is not None:
        return _class(row)
    await get(connection, id)
    raise Conflict(
        "Somebody else changed this class meanwhile: nothing was changed now.", "Look at it again, then repeat."
    )


async def conduct(connection: AsyncConnection, id: str, changes: Mapping[str, Any], **columns: Any) -> Class:
    """Change what applies to everybody in the class now, by key; None takes a key away. Who is last has their way. Raises NotFound.

    `columns`: of `closes` and `closed`, changed with it, whatever the version.
    """
    assert set(columns) <= {"closes", "closed"}, columns
    there = await get(connection, id, hold=True)
    room = {key: value for key, value in (dict(there.room) | dict(changes)).items() if value is not None}
    await connection.execute(update(classes).where(classes.c.id == id).values(room=room, **columns))
    return replace(there, room=room, **columns)


async def conducted(connection: AsyncConnection) -> list[Class]:
    """Those in which something applies to everybody now."""
    query = select(classes).where(classes.c.archived.is_(False)).order_by(classes.c.id)
    return [found for row in await connection.execute(query) if (found := _class(row)).room]


async def new_code(connection: AsyncConnection, id: str, version: int) -> Class:
    """Another code; the earlier one is nobody's from here on. Raises NotFound, Conflict."""
    return await change(connection, id, version, {"code": await _new_code(connection)})


async def delete(connection: AsyncConnection, id: str) -> None:
    """The class is gone, with who is in it and who runs it."""
    await connection.execute(delete_from(classes).where(classes.c.id == id))
