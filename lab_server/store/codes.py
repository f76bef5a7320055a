"""Resume codes: a learner writes one down, and is known by it on another device.

Knows what a code looks like, how long it is good, and its hash, which alone is kept. Doesn't know how often one may try.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.store.tables import codes
from lab_server.store.upsert import insert

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base32: no I, L, O, U
SYMBOLS, GROUP = 16, 4  # 80 bits
LIFETIME = 30 * 24 * 3600  # seconds
_MISREAD = str.maketrans("OIL", "011", " -\t\n\r")


@dataclass(frozen=True)
class Code:
    """`expires` is seconds since the epoch."""

    text: str
    expires: float


@dataclass(frozen=True)
class Kept:
    """What is known of a code: not the code."""

    made: float
    expires: float


def normal(text: str) -> str:
    """A code as typed → its symbols; "" for what can't be one. Case, hyphens and blanks don't matter, nor O for 0, I or L for 1."""
    symbols = text.upper().translate(_MISREAD)
    return symbols if len(symbols) == SYMBOLS and set(symbols) <= set(ALPHABET) else ""


def _hash(symbols: str) -> str:
    return hashlib.sha256(symbols.encode()).hexdigest()


async def make(connection: AsyncConnection, learner: str, now: float) -> Code:
    """A code for a learner who is there. An earlier one is void."""
    symbols = "".join(secrets.choice(ALPHABET) for _ in range(SYMBOLS))
    await connection.execute(delete(codes).where(codes.c.expires <= now))
    row = insert(connection, codes).values(learner=learner, hash=_hash(symbols), made=now, expires=now + LIFETIME)
    changed = {name: row.excluded[name] for name in ("hash", "made", "expires")}
    await connection.execute(row.on_conflict_do_update(index_elements=["learner"], set_=changed))
    groups = [symbols[i : i + GROUP] for i in range(0, SYMBOLS, GROUP)]
    return Code("-".join(groups), now + LIFETIME)


async def owner(connection: AsyncConnection, text: str, now: float) -> str | None:
    """Whose code this is; None when it is nobody's, or has expired."""
    symbols = normal(text)
    if not symbols:
        return None
    query = select(codes.c.learner).where(codes.c.hash == _hash(symbols), codes.c.expires > now)
    found = (await connection.execute(query)).scalar_one_or_none()
    return str(found) if found is not None else None


async def kept(connection: AsyncConnection, learner: str) -> Kept | None:
    row = (
        await connection.execute(select(codes.c.made, codes.c.expires).where(codes.c.learner == learner))
    ).one_or_none()
    return Kept(row.made, row.expires) if row else None
