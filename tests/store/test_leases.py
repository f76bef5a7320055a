"""Leases' rows on both databases, and the ledger that writes them when it can."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lab_server.errors import StoreFailed
from lab_server.store import learners, leases
from lab_server.store.engine import Store
from lab_server.store.leases import Lease
from lab_server.web.ledger import KEPT_FOR, Ledger

ANN = Lease("s1", "ann", "concepts/01-x", "ready", 1.5, 2.5, 3.5, 60.25, 240, 0, "", None)
BOB = Lease("s2", "bob", "concepts/01-x", "starting", 2, 2, 2, None, None, 0, "", None)


async def every(store: Store) -> list[Lease]:
    async with store.read() as at:
        return await leases.every(at)


async def keep(store: Store, *rows: Lease) -> None:
    async with store.write() as at:
        await leases.keep(at, rows)


async def test_what_is_kept_is_there_and_changes(store: Store) -> None:
    await keep(store, BOB, ANN)
    assert await every(store) == [ANN, BOB]
    used = replace(ANN, active=9, noted=10, idle_left=59, extended=1)
    over = replace(BOB, state="ended", noted=10, reason="idle", ended=10)
    async with store.write() as at:
        await leases.note(at, [used, over])
        await leases.note(at, [])
        assert await leases.of(at, "ann") == [used] and await leases.of(at, "nobody") == []
        found = await learners.find(at, "ann")
        assert found and found.made == ANN.noted
    assert await every(store) == [used, over]
    anew = replace(over, state="starting", since=20, noted=20, reason="", ended=None)
    await keep(store, anew)
    assert await every(store) == [used, anew]


async def test_what_is_dropped_or_ended_long_ago_is_gone(store: Store) -> None:
    await keep(store, ANN, replace(BOB, state="ended", reason="idle", ended=100))
    async with store.write() as at:
        await leases.purge(at, 100)
        await leases.drop(at, ["nothing"])
    assert len(await every(store)) == 2
    async with store.write() as at:
        await leases.purge(at, 100.5)
        await leases.drop(at, ["s1"])
    assert await every(store) == []


async def test_a_forgotten_learner_takes_leases_along_and_a_note_brings_nothing_back(store: Store) -> None:
    await keep(store, ANN, BOB)
    async with store.write() as at:
        await learners.forget(at, "ann")
        await leases.note(at, [replace(ANN, noted=99), replace(BOB, noted=99)])
        assert await learners.find(at, "ann") is None
    assert await every(store) == [replace(BOB, noted=99)]


async def test_leases_of_a_learner_who_becomes_another_are_gone(store: Store) -> None:
    await keep(store, ANN, BOB)
    async with store.write() as at:
        await learners.merge(at, "ann", "bob", 5)
    assert await every(store) == [BOB]


# --- the ledger ---


class Book:
    """What the keeper is to a ledger."""

    def __init__(self, store: Store) -> None:
        self.rows = {ANN.id: ANN}
        self.told: list[list[Lease]] = []
        self.wall = 1000.0
        self.ledger = Ledger(store, lambda: dict(self.rows), self.told.append, lambda: self.wall)


@pytest.fixture
def book(store: Store) -> Book:
    return Book(store)


async def test_what_changed_is_written_and_the_rest_on_a_beat(store: Store, book: Book) -> None:
    book.ledger.note(ANN.id)
    await book.ledger.flush()
    assert await every(store) == [ANN] and book.told == [[]]
    book.rows[ANN.id] = later = replace(ANN, noted=50)
    await book.ledger.flush()
    assert await every(store) == [ANN]
    await book.ledger.flush(beat=True)
    assert await every(store) == [later]
    book.rows.clear()
    book.ledger.drop([ANN.id])
    await book.ledger.flush()
    assert await every(store) == [] and len(book.told) == 1


async def test_a_silenced_lease_is_never_written(store: Store, book: Book) -> None:
    book.ledger.note(ANN.id)
    await book.ledger.silence([ANN.id])
    await book.ledger.flush(beat=True)
    async with store.read() as at:
        assert await leases.every(at) == [] and await learners.find(at, "ann") is None


async def test_what_an_earlier_server_wrote_is_read_before_anything_is_written(store: Store, book: Book) -> None:
    await keep(store, BOB, replace(ANN, extended=3))
    book.ledger.note(ANN.id)
    await book.ledger.flush()
    assert book.told == [[replace(ANN, extended=3), BOB]]
    assert await every(store) == [ANN, BOB]


async def test_rows_that_ended_long_ago_are_purged_on_a_beat(store: Store, book: Book) -> None:
    await keep(store, replace(BOB, state="ended", reason="idle", ended=100))
    book.wall = 100 + KEPT_FOR
    await book.ledger.flush(beat=True)
    assert len(await every(store)) == 1
    book.wall += 1
    await book.ledger.flush(beat=True)
    assert await every(store) == []


async def test_what_could_not_be_written_is_written_later(
    store: Store, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    await book.ledger.flush()

    async def away(*_: object) -> None:
        raise StoreFailed("It is away.")

    monkeypatch.setattr("lab_server.store.leases.note", away)
    book.ledger.note(ANN.id)
    with pytest.raises(StoreFailed):
        await book.ledger.flush()
    assert await every(store) == []
    monkeypatch.undo()
    await book.ledger.flush()
    assert await every(store) == [ANN]


async def test_by_itself_it_writes_soon_and_once_more_at_its_end(store: Store, book: Book) -> None:
    book.ledger.open()
    book.ledger.note(ANN.id)
    until = asyncio.get_running_loop().time() + 20
    while not await every(store):
        assert asyncio.get_running_loop().time() < until
        await asyncio.sleep(0.01)
    book.rows[ANN.id] = replace(ANN, noted=77)
    await book.ledger.close()
    assert await every(store) == [replace(ANN, noted=77)]
