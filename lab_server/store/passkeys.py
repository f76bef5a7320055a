"""Passkeys of accounts: public keys that a browser's authenticator signs with.

Knows the table. Doesn't know how a signature is checked (web/passkeys.py).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.store.accounts import Account
from lab_server.store.tables import accounts, passkeys

MOST = 20  # of one account


@dataclass(frozen=True)
class Passkey:
    """`credential` is its name at the authenticator, `key` its public key (COSE). `made` and `used` are seconds since the epoch."""

    id: str
    account: str
    credential: bytes
    key: bytes
    count: int
    name: str
    made: float
    used: float | None


def _passkey(row: Any) -> Passkey:
    return Passkey(row.id, row.account, bytes(row.credential), bytes(row.key), row.count, row.name, row.made, row.used)


def _hash(credential: bytes) -> str:
    return hashlib.sha256(credential).hexdigest()


async def add(
    connection: AsyncConnection, account: str, credential: bytes, key: bytes, count: int, name: str, now: float
) -> Passkey:
    """Raises Conflict for one that is there, and where there are too many."""
    mine = select(func.count()).select_from(passkeys).where(passkeys.c.account == account)
    if (await connection.execute(mine)).scalar_one() >= MOST:
        raise Conflict(f"You have {MOST} passkeys, which is the most.", "Remove one that you don't use.")
    made = Passkey(secrets.token_hex(8), account, credential, key, count, name, now, None)
    row = {"hash": _hash(credential), "credential": credential, "key": key, "count": count, "name": name, "made": now}
    try:
        await connection.execute(passkeys.insert().values(id=made.id, account=account, **row))
    except IntegrityError:
        raise Conflict("This passkey is there already.", "Sign in with it.") from None
    return made


async def of_account(connection: AsyncConnection, account: str) -> list[Passkey]:
    """In the order in which they were made."""
    query = select(passkeys).where(passkeys.c.account == account).order_by(passkeys.c.made, passkeys.c.id)
    return [_passkey(row) for row in await connection.execute(query)]


async def find(connection: AsyncConnection, credential: bytes) -> tuple[Passkey, Account] | None:
    """By its name at the authenticator; with whose it is."""
    query = (
        select(passkeys, accounts.c.name.label("whose"), accounts.c.admin, accounts.c.made.label("since"))
        .join(accounts, accounts.c.id == passkeys.c.account)
        .where(passkeys.c.hash == _hash(credential))
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else (_passkey(row), Account(row.account, row.whose, bool(row.admin), row.since))


async def used(connection: AsyncConnection, id: str, count: int, now: float) -> bool:
    """Note a signature. False: the passkey was removed meanwhile."""
    done = await connection.execute(update(passkeys).where(passkeys.c.id == id).values(count=count, used=now))
    return bool(done.rowcount)


async def remove(connection: AsyncConnection, account: str, id: str) -> None:
    """Raises NotFound, also for another account's."""
    gone = await connection.execute(delete(passkeys).where(passkeys.c.id == id, passkeys.c.account == account))
    if not gone.rowcount:
        raise NotFound("There is no such passkey.", "It may have been removed already.")


async def remove_all(connection: AsyncConnection, account: str) -> None:
    await connection.execute(delete(passkeys).where(passkeys.c.account == account))
