"""Accounts, sign-ins and passwords, on both databases."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from lab_server.errors import BadInput, Conflict, NotFound
from lab_server.store import accounts, passwords
from lab_server.store.engine import Store
from lab_server.store.tables import metadata

WORDS = "correct horse battery"


async def test_an_account_has_a_name_that_nobody_else_has(store: Store) -> None:
    async with store.write() as at:
        assert not await accounts.some(at)
        made = await accounts.make(at, "Ann", "hash", True, 5.0)
        with pytest.raises(Conflict):
            await accounts.make(at, "ＡＮＮ", "hash", False, 6.0)
        assert await accounts.some(at) and await accounts.every(at) == [made]
        for typed in ("Ann", "aNN"):
            assert await accounts.find(at, typed) == (made, "hash")
        for typed in ("Anna", "", "A\0nn", "' OR 1=1 --"):
            assert await accounts.find(at, typed) is None


async def test_the_only_admin_stays(store: Store) -> None:
    async with store.write() as at:
        await accounts.make(at, "ann", "hash", True, 1)
        await accounts.make(at, "ina", "hash", False, 1)
        with pytest.raises(Conflict, match="only admin"):
            await accounts.remove(at, "ann")
        await accounts.remove(at, "ina")
        with pytest.raises(NotFound):
            await accounts.remove(at, "ina")
        await accounts.make(at, "bob", "hash", True, 1)
        await accounts.remove(at, "ANN")
        assert [one.name for one in await accounts.every(at)] == ["bob"]


async def test_a_sign_in_ends_when_it_is_unused_and_after_a_week(store: Store) -> None:
    async with store.write() as at:
        ann = await accounts.make(at, "ann", "hash", False, 1)
        signin, token = await accounts.sign_in(at, ann.id, "Browser" * 100, 1000.0)
        assert await accounts.signed_in(at, token, 1001.0) == (signin, ann)
        assert await accounts.signed_in(at, token + "x", 1001.0) is None
        assert await accounts.signed_in(at, token, 999.0), "a clock that is set back ends nothing"
        assert await accounts.signed_in(at, token, 1000.0 + accounts.IDLE) is None
        now = 1000.0
        while now < 1000.0 + accounts.LONGEST:
            assert await accounts.signed_in(at, token, now)
            await accounts.saw(at, signin.id, now)
            now += accounts.IDLE - 1
        assert await accounts.signed_in(at, token, 1000.0 + accounts.LONGEST) is None
        assert await accounts.signins_of(at, ann.id, 1000.0 + accounts.LONGEST) == []
        await accounts.sign_in(at, ann.id, "", 1000.0 + accounts.LONGEST)  # takes away those that have ended
        assert len((await at.execute(select(metadata.tables["signins"]))).all()) == 1


async def test_sign_ins_are_listed_and_ended_by_their_own_account_only(store: Store) -> None:
    async with store.write() as at:
        ann = await accounts.make(at, "ann", "hash", False, 1)
        bob = await accounts.make(at, "bob", "hash", False, 1)
        one, token = await accounts.sign_in(at, ann.id, "one", 10.0)
        two, other = await accounts.sign_in(at, ann.id, "two", 11.0)
        assert await accounts.signins_of(at, ann.id, 12.0) == [two, one]
        assert await accounts.signins_of(at, bob.id, 12.0) == []
        with pytest.raises(NotFound):
            await accounts.end(at, bob.id, one.id)
        await accounts.end(at, ann.id, one.id)
        assert await accounts.signed_in(at, token, 12.0) is None and await accounts.signed_in(at, other, 12.0)
        await accounts.end_token(at, other)
        await accounts.end_token(at, "nobody's")
        assert await accounts.signins_of(at, ann.id, 12.0) == []


async def test_the_longest_quiet_of_too_many_sign_ins_ends(store: Store) -> None:
    async with store.write() as at:
        ann = await accounts.make(at, "ann", "hash", False, 1)
        for n in range(accounts.MOST + 5):
            await accounts.sign_in(at, ann.id, f"{n}", 10.0 + n)
        there = await accounts.signins_of(at, ann.id, 100.0)
    assert [one.agent for one in there] == [f"{n}" for n in reversed(range(5, accounts.MOST + 5))]


async def test_neither_password_nor_token_is_in_the_database(store: Store) -> None:
    kept = passwords.hashed(WORDS)
    async with store.write() as at:
        ann = await accounts.make(at, "ann", kept, False, 1)
        _, token = await accounts.sign_in(at, ann.id, "", 10.0)
        rows = [str((await at.execute(select(table))).all()) for table in metadata.sorted_tables]
    assert kept.startswith("$argon2id$") and WORDS not in str(rows) and token not in str(rows)


def test_a_password_is_right_or_not() -> None:
    kept = passwords.hashed(WORDS)
    assert passwords.right(kept, WORDS) == (True, False) and kept != passwords.hashed(WORDS)
    assert passwords.right(passwords.hashed("Zoë " * 4), "Zoe\u0308 " * 4) == (True, False)
    for wrong in ("", WORDS + " ", WORDS.upper()):
        assert passwords.right(kept, wrong) == (False, False)
    assert passwords.right("no hash", WORDS) == (False, False)
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash(WORDS)
    assert passwords.right(old, WORDS) == (True, True)


@pytest.mark.parametrize("words", ["", "short", "x" * 11, "x" * 257])
def test_passwords_that_are_none(words: str) -> None:
    with pytest.raises(BadInput, match="12 to 256"):
        passwords.hashed(words)
