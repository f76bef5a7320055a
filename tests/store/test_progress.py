"""Learners, progress and codes, on both databases."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import func, select

from lab_server.errors import StoreFailed
from lab_server.store import codes, learners, progress
from lab_server.store.engine import Store
from lab_server.store.progress import Outcome, Record
from lab_server.store.tables import metadata

QUESTION = ("concepts/01-test", "question", "q-1")
TASK = ("concepts/01-test", "task", "01-own-hostname")
EMPTY = dict.fromkeys(metadata.tables, 0)


async def did(
    store: Store, learner: str, key: tuple[str, str, str], outcome: Outcome, now: float = 1.0, **detail: object
) -> Record:
    async with store.write() as at:
        await learners.touch(at, learner, now)
        return await progress.keep(at, learner, key, outcome, detail, now)


async def every(store: Store, learner: str) -> list[Record]:
    async with store.read() as at:
        return await progress.every(at, learner)


async def rows(store: Store) -> dict[str, int]:
    async with store.read() as at:
        return {
            table.name: (await at.execute(select(func.count()).select_from(table))).scalar_one()
            for table in metadata.sorted_tables
        }


async def test_what_is_kept_is_there(store: Store) -> None:
    detail = {"picked": ["a-1", "a-2"], "words": "é ' \" \\ ; DROP TABLE learners; --"}
    kept = await did(store, "ann", QUESTION, Outcome.DONE, 5.5, **detail)
    assert kept == Record(*QUESTION, Outcome.DONE, detail, 5.5, 5.5, 1)
    assert await every(store, "ann") == [kept] and await every(store, "bob") == []


async def test_a_right_answer_stays(store: Store) -> None:
    await did(store, "ann", QUESTION, Outcome.DONE, 1, picked=["a-1"])
    wrong = await did(store, "ann", QUESTION, Outcome.DONE, 2, picked=["a-3"])
    assert (wrong.detail, wrong.tries, wrong.first, wrong.last) == ({"picked": ["a-3"]}, 2, 1, 2)
    await did(store, "ann", QUESTION, Outcome.RIGHT, 3, picked=["a-2"])
    after = await did(store, "ann", QUESTION, Outcome.DONE, 4, picked=["a-1"])
    assert (after.outcome, after.detail, after.tries) == (Outcome.RIGHT, {"picked": ["a-2"]}, 3)
    assert (after.first, after.last) == (1, 4)


async def test_an_outcome_is_not_taken_back_but_its_detail_is_replaced_until_it_is_right(store: Store) -> None:
    await did(store, "ann", QUESTION, Outcome.DONE, 1, answer="p1", right=False)
    again = await did(store, "ann", QUESTION, Outcome.BEGUN, 2, answer="p2", right=None)
    assert again.outcome is Outcome.DONE and again.detail == {"answer": "p2", "right": None}


async def test_many_at_once_lose_nothing(store: Store) -> None:
    await asyncio.gather(*(did(store, "ann", QUESTION, Outcome.DONE, n) for n in range(40)))
    await asyncio.gather(*(did(store, f"l{n}", TASK, Outcome.RIGHT, n) for n in range(40)))
    assert (await every(store, "ann"))[0].tries == 40
    assert await rows(store) == EMPTY | {"learners": 41, "progress": 41}


async def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    with pytest.raises(RuntimeError):
        async with store.write() as at:
            await learners.touch(at, "ann", 1)
            raise RuntimeError
    assert await rows(store) == EMPTY


async def test_progress_of_nobody_is_refused(store: Store) -> None:
    with pytest.raises(StoreFailed):
        async with store.write() as at:
            await progress.keep(at, "nobody", TASK, Outcome.RIGHT, {}, 1)
    assert (await rows(store))["progress"] == 0


async def test_merging_keeps_what_got_further(store: Store) -> None:
    only, later, right = [("l", "question", name) for name in ("only", "later", "right")]
    await did(store, "old", right, Outcome.DONE, 9, picked=["wrong"])
    await did(store, "old", later, Outcome.DONE, 5, picked=["later"])
    await did(store, "old", TASK, Outcome.RIGHT, 3)
    await did(store, "new", right, Outcome.RIGHT, 2, picked=["right"])
    await did(store, "new", later, Outcome.DONE, 4, picked=["earlier"])
    await did(store, "new", only, Outcome.DONE, 4, picked=["only"])
    async with store.write() as at:
        await codes.make(at, "new", 1)
        assert await learners.merge(at, "new", "old", 10) == 3
    merged = {record.item: record for record in await every(store, "old")}
    assert set(merged) == {"right", "later", "only", TASK[2]}
    assert merged["right"].outcome is Outcome.RIGHT and merged["right"].detail == {"picked": ["right"]}
    assert (merged["right"].first, merged["right"].last, merged["right"].tries) == (2, 9, 2)
    assert merged["later"].detail == {"picked": ["later"]} and merged["only"].detail == {"picked": ["only"]}
    assert await rows(store) == EMPTY | {"learners": 1, "progress": 4}


async def test_merging_learners_who_did_nothing(store: Store) -> None:
    async with store.write() as at:
        assert await learners.merge(at, "new", "old", 10) == 0
    assert await rows(store) == EMPTY | {"learners": 1}


async def test_merges_that_cross_do_not_block_each_other(store: Store) -> None:
    for n in range(10):
        await asyncio.gather(did(store, f"a{n}", TASK, Outcome.RIGHT), did(store, f"b{n}", TASK, Outcome.RIGHT))

    async def merge(source: str, target: str) -> None:
        async with store.write() as at:
            await learners.merge(at, source, target, 2)

    pairs = [(f"a{n}", f"b{n}") for n in range(10)]
    await asyncio.gather(*(merge(*pair) for pair in pairs), *(merge(*pair[::-1]) for pair in pairs))
    assert await rows(store) == EMPTY | {"learners": 10, "progress": 10}


async def test_forgetting_leaves_no_row(store: Store) -> None:
    for name in ("ann", "bob"):
        await did(store, name, TASK, Outcome.RIGHT)
        async with store.write() as at:
            await codes.make(at, name, 1)
    async with store.write() as at:
        await learners.forget(at, "ann")
    assert await rows(store) == EMPTY | {"learners": 1, "progress": 1, "codes": 1}
    async with store.read() as at:
        for table in metadata.sorted_tables:
            assert "ann" not in str((await at.execute(select(table))).all())
        assert await learners.find(at, "ann") is None and (await learners.find(at, "bob")) is not None


async def test_a_code_leads_to_its_learner_until_it_expires(store: Store) -> None:
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
        first = await codes.make(at, "ann", 100.0)
        code = await codes.make(at, "ann", 100.0)
        kept = await codes.kept(at, "ann")
    assert kept and kept.expires == code.expires == 100.0 + 30 * 24 * 3600
    async with store.read() as at:
        assert await codes.owner(at, first.text, 101) is None  # void
        assert await codes.owner(at, code.text, 101) == "ann"
        assert await codes.owner(at, code.text.lower().replace("-", " "), 101) == "ann"
        assert await codes.owner(at, code.text, code.expires - 1) == "ann"
        assert await codes.owner(at, code.text, code.expires) is None


async def test_a_code_is_not_in_the_database(store: Store) -> None:
    async with store.write() as at:
        await learners.touch(at, "ann", 1)
        code = await codes.make(at, "ann", 1)
    async with store.read() as at:
        kept = [str((await at.execute(select(table))).all()) for table in metadata.sorted_tables]
    assert code.text not in str(kept) and code.text.replace("-", "") not in str(kept)


def test_what_is_easily_misread_is_read() -> None:
    assert codes.normal("o0Il-1234 abcd-EFGH") == "00111234ABCDEFGH"
    for wrong in ("", "ABCD", "U" * 16, "A" * 17, "é" * 16, "\0" * 16):
        assert codes.normal(wrong) == ""
