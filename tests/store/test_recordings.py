"""Rows of recordings and the audit log, on both databases."""

from __future__ import annotations

import secrets

import pytest

from lab_server.errors import NotFound
from lab_server.store import audit, classes, learners, members, progress, recordings
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.store.progress import Outcome
from tests.store.test_classes import account, join, make


def name() -> str:
    return secrets.token_hex(12)


async def agreed(store: Store, member: Member, since: float | None = 5.0) -> None:
    async with store.write() as at:
        await members.change(at, member.of, member.learner, {"consented": since})


async def begin(store: Store, member: Member, at_: float = 10.0) -> str:
    id = name()
    async with store.write() as at:
        assert await recordings.begin(at, id, member.id, "host", at_)
    return id


async def test_none_is_begun_without_consent(store: Store) -> None:
    of = await make(store)
    ann, _ = await join(store, of, "ann", "Ann")
    async with store.write() as at:
        assert not await recordings.begin(at, name(), ann.id, "host", 10.0)
        assert not await recordings.begin(at, name(), "nobody", "host", 10.0)
        assert await recordings.agreed(at) == []
    await agreed(store, ann)
    id = await begin(store, ann)
    async with store.read() as at:
        assert await recordings.get(at, of.id, id) == recordings.Recording(id, of.id, ann.id, "host", 10.0, None, 0)
        ((member, there),) = await recordings.agreed(at)
        assert (member.learner, member.consented, there) == ("ann", 5.0, of)
    async with store.write() as at:
        await members.ask_anew(at, of.id)
        assert await recordings.agreed(at) == [] and not await recordings.begin(at, name(), ann.id, "host", 11.0)


async def test_it_is_finished_found_and_gone_with_its_member_or_class(store: Store) -> None:
    of, other = await make(store), await make(store)
    ann, _ = await join(store, of, "ann", "Ann")
    bob, _ = await join(store, other, "bob", "Bob")
    for member in (ann, bob):
        await agreed(store, member)
    one, two = await begin(store, ann), await begin(store, bob)
    async with store.write() as at:
        assert await recordings.finish(at, one, 20.0, 123) and not await recordings.finish(at, name(), 20.0, 1)
        assert [it.id for it in await recordings.unfinished(at)] == [two]
        assert [(it.ended, it.bytes) for it in await recordings.of_class(at, of.id)] == [(20.0, 123)]
        assert [it.id for it in await recordings.of_learner(at, "ann")] == [one]
        assert await recordings.of_learner(at, "ann", other.id) == [] and await recordings.ids(at) == {one, two}
        with pytest.raises(NotFound, match="no such recording"):
            await recordings.get(at, other.id, one)
        await learners.forget(at, "ann")
        assert await recordings.ids(at) == {two}
        await classes.delete(at, other.id)
        assert await recordings.ids(at) == set()


async def test_who_becomes_another_learner_takes_theirs_along(store: Store) -> None:
    of = await make(store)
    phone, _ = await join(store, of, "phone", "Ann")
    await agreed(store, phone)
    id = await begin(store, phone)
    async with store.write() as at:
        await learners.merge(at, "phone", "laptop", 9.0)
        assert [it.id for it in await recordings.of_learner(at, "laptop")] == [id]


async def test_what_is_too_old_goes_and_what_is_from_the_future_counts_from_now(store: Store) -> None:
    of = await make(store)
    ann, _ = await join(store, of, "ann", "Ann")
    await agreed(store, ann)
    old, new, future = [await begin(store, ann, at_) for at_ in (10.0, 20.0, 9e9)]
    async with store.write() as at:
        await recordings.not_later(at, 30.0)
        assert await recordings.drop(at, 15.0) == [old] and await recordings.ids(at) == {new, future}
        assert set(await recordings.drop(at, 31.0)) == {new, future}


async def test_the_log_is_kept_in_its_order_outlives_its_class_and_is_dropped_by_age(store: Store) -> None:
    of, ina = await make(store), await account(store, "Ina")
    async with store.write() as at:
        await audit.add(at, of, ina, audit.EXPORTED, 10.0, form="json")
        await audit.add(at, of, ina, audit.PLAYED, 20.0, "a1", recording="r")
        await classes.delete(at, of.id)
        assert [(one.act, one.member) for one in await audit.of_class(at, of.id)] == [
            ("played", "a1"),
            ("exported", ""),
        ]
        assert [one.act async for one in audit.every(at)] == ["exported", "played"]
        assert [one.act async for one in audit.every(at, "another")] == []
        assert await audit.drop(at, 15.0) == 1
        (left,) = [one async for one in audit.every(at, of.id)]
        assert (left.title, left.name, left.detail) == (of.title, "Ina", {"recording": "r"})


async def test_what_members_did_is_told_of_those_who_are_still_there(store: Store) -> None:
    of = await make(store)
    ann, _ = await join(store, of, "ann", "Ann")
    bob, _ = await join(store, of, "bob", "Bob")

    async with store.write() as at:
        await progress.keep(at, "ann", ("a/1", "question", "q"), Outcome.DONE, {"picked": ["x"]}, 7.0)
        await progress.keep(at, "ann", ("b/2", "step", "s"), Outcome.DONE, {}, 7.0)
        await members.remove(at, of.id, bob.id)
        ((member, records),) = await members.kept(at, [ann.id, bob.id], ["a/1"])
        assert member == ann and [(one.item, one.detail) for one in records] == [("q", {"picked": ["x"]})]
        assert sorted(await members.done_in(at, of.id)) == ["a/1", "b/2"]
