"""Who accounts are at the provider with which they may sign in: bound to the name that the provider has for a person, for good.

Knows the table. Doesn't know OpenID Connect, nor whether an address was verified (web/oidc.py).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import BadInput, Conflict, NotFound
from lab_server.store.accounts import Account
from lab_server.store.tables import accounts, identities

MOST = 5  # of one account
LONGEST = 254  # characters of an address (RFC 5321, section 4.5.3.1.3)


@dataclass(frozen=True)
class Identity:
    """`email`: as the provider told it; `used`: None while nobody has signed in with it. Seconds since the epoch."""

    id: str
    account: str
    email: str
    made: float
    used: float | None


def _identity(row: Any) -> Identity:
    return Identity(row.id, row.account, row.email, row.made, row.used)


def _hash(issuer: str, subject: str) -> str:
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()


def _key(email: str) -> str:
    return email.strip().casefold()[:LONGEST]


async def expect(connection: AsyncConnection, account: str, email: str, now: float) -> Identity:
    """The account waits for the first sign-in of who has this address. Raises BadInput; Conflict where another waits for it."""
    told = email.strip()
    if not 3 <= len(told) <= LONGEST or "@" not in told[1:-1] or not told.isprintable() or " " in told:
        raise BadInput(f"{email!r} is no e-mail address.", "It is the one that the provider knows: ada@example.org")
    waiting = select(func.count()).where(identities.c.key == _key(told), identities.c.hash.is_(None))
    if (await connection.execute(waiting)).scalar_one():
        raise Conflict(f"Another account waits for {told}.", "Remove that one first, or take another address.")
    return await _add(connection, account, None, told, now)


async def link(
    connection: AsyncConnection, account: str, issuer: str, subject: str, email: str, now: float
) -> Identity:
    """The account is that person. Raises Conflict where another account is, and where there are too many."""
    found = await find(connection, issuer, subject)
    if found:
        if found[0].account == account:
            return found[0]
        raise Conflict("Another account here is connected with that sign-in.", "Disconnect it there first.")
    try:
        return await _add(connection, account, _hash(issuer, subject), email[:LONGEST], now)
    except IntegrityError:
        raise Conflict("Another account was connected with it meanwhile.", "Look again.") from None


async def _add(connection: AsyncConnection, account: str, hash: str | None, email: str, now: float) -> Identity:
    mine = select(func.count()).select_from(identities).where(identities.c.account == account)
    if (await connection.execute(mine)).scalar_one() >= MOST:
        raise Conflict(f"An account is connected {MOST} times at the most.", "Disconnect one that you don't use.")
    made = Identity(secrets.token_hex(8), account, email, now, None)
    row = {"id": made.id, "account": account, "hash": hash, "email": email, "key": _key(email), "made": now}
    await connection.execute(identities.insert().values(**row))
    return made


async def find(connection: AsyncConnection, issuer: str, subject: str) -> tuple[Identity, Account] | None:
    """Who that person is here."""
    return await _one(connection, identities.c.hash == _hash(issuer, subject))


async def claim(connection: AsyncConnection, issuer: str, subject: str, email: str) -> tuple[Identity, Account] | None:
    """Bind to that person what waits for their verified address; None where nothing does."""
    found = await _one(connection, (identities.c.key == _key(email)) & identities.c.hash.is_(None))
    if found is None:
        return None
    free = (identities.c.id == found[0].id) & identities.c.hash.is_(None)
    done = await connection.execute(update(identities).where(free).values(hash=_hash(issuer, subject), email=email))
    return found if done.rowcount else None


async def _one(connection: AsyncConnection, where: Any) -> tuple[Identity, Account] | None:
    query = (
        select(identities, accounts.c.name, accounts.c.admin, accounts.c.made.label("since"))
        .join(accounts, accounts.c.id == identities.c.account)
        .where(where)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (_identity(row), Account(row.account, row.name, bool(row.admin), row.since))


async def used(connection: AsyncConnection, id: str, now: float) -> None:
    await connection.execute(update(identities).where(identities.c.id == id).values(used=now))


async def of_account(connection: AsyncConnection, account: str) -> list[Identity]:
    """In the order in which they were made."""
    query = select(identities).where(identities.c.account == account).order_by(identities.c.made, identities.c.id)
    return [_identity(row) for row in await connection.execute(query)]


async def remove(connection: AsyncConnection, account: str, id: str) -> None:
    """Raises NotFound, also for another account's."""
    gone = await connection.execute(delete(identities).where(identities.c.id == id, identities.c.account == account))
    if not gone.rowcount:
        raise NotFound("It is not connected.", "It may have been disconnected already.")


async def remove_all(connection: AsyncConnection, account: str) -> None:
    await connection.execute(delete(identities).where(identities.c.account == account))
