"""Accounts of those who sign in, and the browsers in which they are signed in.

Knows names, password hashes as text, and hashes of cookies' tokens. Doesn't know how a password is hashed, nor cookies.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.errors import Conflict, NotFound
from lab_server.store import names
from lab_server.store.tables import accounts, signins

IDLE = 12 * 3600  # seconds without a call after which a sign-in has ended
LONGEST = 7 * 24 * 3600  # seconds that one lasts at the most
FRESH = 300  # seconds in which a call isn't noted again
MOST = 20  # sign-ins of one account; the one that was longest quiet ends first


@dataclass(frozen=True)
class Account:
    """`admin`: may do everything in every class. `made` is seconds since the epoch."""

    id: str
    name: str
    admin: bool
    made: float


@dataclass(frozen=True)
class Signin:
    """One browser. `made` and `seen` (last call noted) are seconds since the epoch; `agent` is what it calls itself."""

    id: str
    account: str
    agent: str
    made: float
    seen: float

    @property
    def expires(self) -> float:
        """If no call comes any more. Seconds since the epoch."""
        return min(self.seen + IDLE, self.made + LONGEST)


def _account(row: Any) -> Account:
    return Account(row.id, row.name, bool(row.admin), row.made)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def make(connection: AsyncConnection, name: str, password: str, admin: bool, now: float) -> Account:
    """A new account. `password` is a hash. Raises Conflict where the name is taken."""
    if await find(connection, name):
        raise Conflict(f"There is an account called {name!r} already.", "Take another name.")
    made = Account(secrets.token_hex(8), name, admin, now)
    await connection.execute(
        accounts.insert().values(
            id=made.id, name=name, key=names.key(name), password=password, admin=admin, made=made.made
        )
    )
    return made


async def find(connection: AsyncConnection, name: str) -> tuple[Account, str] | None:
    """The account and its password's hash; the name's case doesn't matter."""
    if "\0" in name:  # which PostgreSQL has in no text
        return None
    row = (await connection.execute(select(accounts).where(accounts.c.key == names.key(name)))).one_or_none()
    return (_account(row), str(row.password)) if row else None


async def every(connection: AsyncConnection) -> list[Account]:
    """In the order of their names."""
    return [_account(row) for row in await connection.execute(select(accounts).order_by(accounts.c.key))]


async def some(connection: AsyncConnection) -> bool:
    """Whether there is any."""
    return bool((await connection.execute(select(func.count()).select_from(accounts))).scalar_one())


async def set_password(connection: AsyncConnection, account: str, password: str) -> None:
    """Keep another hash. Sign-ins go on: `end_all` ends them."""
    await connection.execute(update(accounts).where(accounts.c.id == account).values(password=password))


async def remove(connection: AsyncConnection, name: str) -> None:
    """The account is gone, with its sign-ins and its places in classes. Raises NotFound; Conflict for the only admin."""
    found = await find(connection, name)
    if found is None:
        raise NotFound(f"There is no account called {name!r}.", "`labs admin list` names them.")
    others = select(func.count()).select_from(accounts).where(accounts.c.admin, accounts.c.id != found[0].id)
    if found[0].admin and not (await connection.execute(others)).scalar_one():
        raise Conflict(f"{name!r} is the only admin.", "Make another one first.")
    await connection.execute(delete(accounts).where(accounts.c.id == found[0].id))


# --- sign-ins ---


async def sign_in(connection: AsyncConnection, account: str, agent: str, now: float) -> tuple[Signin, str]:
    """A sign-in, and the token that its browser is known by: kept here as a hash only."""
    token = secrets.token_urlsafe(32)
    made = Signin(secrets.token_hex(8), account, agent[:200], now, now)
    await connection.execute(delete(signins).where(_over(now)))
    there = select(signins.c.id).where(signins.c.account == account).order_by(signins.c.seen.desc()).offset(MOST - 1)
    if old := list((await connection.execute(there)).scalars()):
        await connection.execute(delete(signins).where(signins.c.id.in_(old)))
    row = {"id": made.id, "account": account, "hash": _hash(token), "agent": made.agent, "made": now, "seen": now}
    await connection.execute(signins.insert().values(**row))
    return made, token


def _over(now: float) -> Any:
    return or_(signins.c.seen <= now - IDLE, signins.c.made <= now - LONGEST)


async def signed_in(connection: AsyncConnection, token: str, now: float) -> tuple[Signin, Account] | None:
    """Who has this token; None for an unknown one, or one whose sign-in has ended."""
    query = (
        select(
            signins.c.id.label("signin"),
            signins.c.agent,
            signins.c.made.label("since"),
            signins.c.seen,
            accounts,
        )
        .join(accounts, accounts.c.id == signins.c.account)
        .where(signins.c.hash == _hash(token))
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    signin = Signin(row.signin, row.id, row.agent, row.since, row.seen)
    return (signin, _account(row)) if signin.expires > now else None


async def saw(connection: AsyncConnection, signin: str, now: float) -> None:
    """Note a call."""
    await connection.execute(update(signins).where(signins.c.id == signin).values(seen=now))


async def signins_of(connection: AsyncConnection, account: str, now: float) -> list[Signin]:
    """Those that have not ended, the one last seen first."""
    query = select(signins).where(signins.c.account == account).order_by(signins.c.seen.desc(), signins.c.id)
    found = [Signin(row.id, row.account, row.agent, row.made, row.seen) for row in await connection.execute(query)]
    return [signin for signin in found if signin.expires > now]


async def end(connection: AsyncConnection, account: str, signin: str) -> None:
    """Raises NotFound, also for another account's."""
    ended = await connection.execute(delete(signins).where(signins.c.id == signin, signins.c.account == account))
    if not ended.rowcount:
        raise NotFound("There is no such sign-in.", "It may have ended already.")


async def end_all(connection: AsyncConnection, account: str, but: str = "") -> None:
    """`but` names a sign-in that goes on."""
    await connection.execute(delete(signins).where(signins.c.account == account, signins.c.id != but))


async def end_token(connection: AsyncConnection, token: str) -> None:
    """End the sign-in of this token, whoever's it is; nothing happens where there is none."""
    await connection.execute(delete(signins).where(signins.c.hash == _hash(token)))
