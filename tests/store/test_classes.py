"""Classes, who is in them and who runs them, on both databases."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from lab_server.errors import Conflict, NotFound
from lab_server.store import accounts, classes, learners, members, progress, staff
from lab_server.store.accounts import Account
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.store.progress import Outcome
from lab_server.store.staff import Role

clock = itertools.count(2)


async def make(store: Store, seats: int = 30, opens: float | None = None, closes: float | None = None) -> Class:
    async with store.write() as at:
        return await classes.make(at, "Containers é", ("concepts/01-test",), seats, opens, closes, 1.0)


async def join(store: Store, of: Class, learner: str, name: str) -> tuple[Member, bool]:
    now = float(next(clock))
    async with store.write() as at:
        await learners.touch(at, learner, now)
        return await members.join(at, await classes.get(at, of.id, hold=True), learner, name, now)


async def account(store: Store, name: str, admin: bool = False) -> Account:
    async with store.write() as at:
        return await accounts.make(at, name, "a hash", admin, 1.0)


async def roster(store: Store, of: Class) -> list[tuple[str, str]]:
    async with store.read() as at:
        return [(member.learner, member.name) for member in await members.of_class(at, of.id)]


# --- classes ---


async def test_a_class_is_kept_and_found_by_its_code_as_typed(store: Store) -> None:
    made = await make(store, 12, 10.0, 20.0)
    async with store.read() as at:
        assert await classes.get(at, made.id) == made
        shown = classes.shown(made.code)
        for typed in (made.code, shown, f" {shown.replace('-', ' ')}\n", shown.replace("-", ".")):
            assert await classes.by_code(at, typed) == made
        with pytest.raises(NotFound):
            await classes.get(at, "0" * 12)


@pytest.mark.parametrize("typed", ["", "12345678", "1234567890", "abcdefghi", "١٢٣٤٥٦٧٨٩", "123456789\0", "²" * 9])
def test_codes_that_are_none(typed: str) -> None:
    assert classes.normal(typed) == ""


def test_a_code_is_nine_digits_however_it_is_written() -> None:
    assert classes.normal("l23-O56-7 8 9") == "123056789" and classes.shown("123456789") == "123-456-789"


async def test_the_state_goes_by_the_clock_and_what_was_done_by_hand_stays(store: Store) -> None:
    made = await make(store, opens=100.0, closes=200.0)
    assert [made.state(now) for now in (99, 100, 199.9, 200)] == ["planned", "open", "open", "closed"]
    async with store.write() as at:
        closed = await classes.change(at, made.id, 1, {"closed": True})
        archived = await classes.change(at, made.id, 2, {"archived": True})
    # a clock that jumps opens nothing that was closed by hand
    assert {closed.state(now) for now in (0, 99, 150, 1e9)} == {"closed"}
    assert {archived.state(now) for now in (0, 99, 150, 1e9)} == {"archived"}


async def test_of_two_changes_at_once_one_is_refused(store: Store) -> None:
    made = await make(store)

    async def change(title: str) -> Class:
        async with store.write() as at:
            return await classes.change(at, made.id, made.version, {"title": title})

    done = await asyncio.gather(*(change(f"title {n}") for n in range(8)), return_exceptions=True)
    won = [one for one in done if isinstance(one, Class)]
    assert len(won) == 1 and sum(isinstance(one, Conflict) for one in done) == 7
    async with store.read() as at:
        assert await classes.get(at, made.id) == won[0] and won[0].version == 2


async def test_a_new_code_voids_the_earlier(store: Store) -> None:
    made = await make(store)
    async with store.write() as at:
        changed = await classes.new_code(at, made.id, 1)
        assert changed.code != made.code and await classes.by_code(at, made.code) is None
        assert await classes.by_code(at, changed.code) == changed


# --- who is in one ---


async def test_learners_join_once_and_may_take_another_name(store: Store) -> None:
    made = await make(store)
    member, new = await join(store, made, "ann", "Ann")
    again, newer = await join(store, made, "ann", "Anna")
    assert (new, newer) == (True, False) and again == Member(member.id, made.id, "ann", "Anna", member.joined)
    assert await roster(store, made) == [("ann", "Anna")]
    await join(store, made, "bob", "Ann")  # which nobody has any more
    assert member.id != "ann" and "ann" not in member.id


async def test_a_name_that_reads_alike_is_taken_and_one_is_offered(store: Store) -> None:
    made, other = await make(store), await make(store)
    await join(store, made, "ann", "Ann")
    await join(store, made, "bob", "Ann 2")
    with pytest.raises(Conflict) as why:
        await join(store, made, "eve", "ＡＮＮ")
    assert "'Ann'" in why.value.message and "'ＡＮＮ 3'" in why.value.remedy
    await join(store, other, "eve", "Ann")
    with pytest.raises(Conflict):
        await join(store, made, "bob", "ann")
    assert await roster(store, made) == [("ann", "Ann"), ("bob", "Ann 2")]


async def test_no_more_get_in_than_there_are_seats(store: Store) -> None:
    made = await make(store, seats=3)
    done = await asyncio.gather(
        *(join(store, made, f"learner{n}", f"Name {n}") for n in range(12)), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in done) == 9 and len(await roster(store, made)) == 3
    there = (await roster(store, made))[0][0]
    assert (await join(store, made, there, "Still in"))[1] is False


async def test_of_one_name_taken_by_many_at_once_one_gets_it(store: Store) -> None:
    made = await make(store)
    done = await asyncio.gather(*(join(store, made, f"learner{n}", "Same") for n in range(8)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in done) == 7 and len(await roster(store, made)) == 1


async def test_leaving_and_being_taken_out(store: Store) -> None:
    made, other = await make(store), await make(store)
    ann, _ = await join(store, made, "ann", "Ann")
    await join(store, other, "ann", "Ann")
    await join(store, made, "bob", "Bob")
    with pytest.raises(NotFound):
        async with store.write() as at:
            await members.remove(at, other.id, ann.id)
    async with store.write() as at:
        await members.remove(at, made.id, ann.id)
        await members.leave(at, made.id, "bob")
    with pytest.raises(NotFound):
        async with store.write() as at:
            await members.leave(at, made.id, "bob")
    assert await roster(store, made) == [] and await roster(store, other) == [("ann", "Ann")]


async def test_what_members_did_in_the_lessons_of_the_class(store: Store) -> None:
    made = await make(store)
    ann, _ = await join(store, made, "ann", "Ann")
    bob, _ = await join(store, made, "bob", "Bob")
    async with store.write() as at:
        await learners.touch(at, "eve", 1)
        for who, lesson in (("ann", "concepts/01-test"), ("ann", "concepts/02-other"), ("eve", "concepts/01-test")):
            await progress.keep(at, who, (lesson, "task", "01-x"), Outcome.RIGHT, {"secret": 1}, 7.0)
        did = await members.did(at, [ann.id, bob.id], made.lessons)
        before = await members.stamps(at, made.id, made.lessons)
    assert did == {ann.id: [members.Brief("concepts/01-test", "task", "01-x", Outcome.RIGHT)]}
    assert before == {(ann.id, "concepts/01-test"): members.Stamp(1, 2, 7.0)}


async def test_who_becomes_another_learner_stays_in_the_class(store: Store) -> None:
    both, one = await make(store), await make(store)
    for of, learner, name in ((both, "laptop", "Ann"), (both, "phone", "Ann’s phone"), (one, "phone", "Ann")):
        await join(store, of, learner, name)
    async with store.write() as at:
        await learners.merge(at, "phone", "laptop", 9.0)
    assert await roster(store, both) == [("laptop", "Ann")] and await roster(store, one) == [("laptop", "Ann")]


async def test_who_is_forgotten_is_in_no_class_and_a_class_takes_nobodys_progress_along(store: Store) -> None:
    made = await make(store)
    await join(store, made, "ann", "Ann")
    await join(store, made, "bob", "Bob")
    async with store.write() as at:
        await progress.keep(at, "bob", ("concepts/01-test", "task", "01-x"), Outcome.RIGHT, {}, 7.0)
        await learners.forget(at, "ann")
    assert await roster(store, made) == [("bob", "Bob")]
    async with store.write() as at:
        await classes.delete(at, made.id)
    async with store.read() as at:
        assert await members.of_learner(at, "bob") == [] and len(await progress.every(at, "bob")) == 1


# --- who runs one ---


async def test_a_class_keeps_an_instructor(store: Store) -> None:
    made, ann, bob = await make(store), await account(store, "Ann"), await account(store, "Bob")
    async with store.write() as at:
        await staff.put(at, made.id, ann.id, Role.INSTRUCTOR, 1)
        await staff.put(at, made.id, bob.id, Role.ASSISTANT, 2)
    for act in (
        lambda at: staff.remove(at, made.id, ann.id),
        lambda at: staff.put(at, made.id, ann.id, Role.ASSISTANT, 3),
    ):
        with pytest.raises(Conflict, match="at least one instructor"):
            async with store.write() as at:
                await act(at)
    async with store.write() as at:
        await staff.put(at, made.id, bob.id, Role.INSTRUCTOR, 4)
        await staff.remove(at, made.id, ann.id)
        assert await staff.roles(at, bob.id) == {made.id: Role.INSTRUCTOR} and await staff.roles(at, ann.id) == {}
        assert [(one.name, one.role) for one in (await staff.of_classes(at, [made.id]))[made.id]] == [
            ("Bob", Role.INSTRUCTOR)
        ]
        assert await classes.every(at, ann.id) == [] and await classes.every(at, bob.id) == [made]
        assert await classes.every(at, None) == [made]
