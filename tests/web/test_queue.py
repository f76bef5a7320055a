"""The line of those who wait: its order, its places, its estimate, and those who leave it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from lab_server.errors import SpawnerGone
from lab_server.web.queue import Place, Queue


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 30))


async def settle() -> None:
    """Until everything that can go on has."""
    for _ in range(10):
        await asyncio.sleep(0)


class Turns:
    """Tasks that have their turn until they are let go."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.inside: list[str] = []
        self.order: list[str] = []
        self._go: dict[str, asyncio.Future[None]] = {}

    def come(self, who: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._have(who))

    async def _have(self, who: str) -> None:
        async with self.queue.turn(who):
            self.inside.append(who)
            self.order.append(who)
            self._go[who] = asyncio.get_running_loop().create_future()
            try:
                await self._go[who]
            finally:
                self.inside.remove(who)

    def end(self, who: str, why: Exception | None = None) -> None:
        if why:
            self._go[who].set_exception(why)
        else:
            self._go[who].set_result(None)


def test_first_come_first_served_and_never_more_at_once() -> None:
    async def test() -> None:
        turns = Turns(Queue(2))
        names = [f"n{n}" for n in range(20)]
        tasks = []
        for name in names:
            tasks.append(turns.come(name))
            await settle()
        assert turns.inside == ["n0", "n1"] and len(turns.queue) == 18 and turns.queue.full
        while turns.inside:
            assert len(turns.inside) <= 2
            turns.end(turns.inside[-1])
            await settle()
        await asyncio.gather(*tasks)
        assert turns.order == names
        assert not turns.queue.full and len(turns.queue) == 0

    run(test)


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    async def test() -> None:
        turns = Turns(Queue(1))
        tasks = [turns.come("a")]
        await settle()
        tasks.append(turns.come("b"))
        await settle()
        turns.end("a")
        tasks.append(turns.come("c"))  # in the very moment in which the turn is free
        await settle()
        assert turns.inside == ["b"]
        for name in ("b", "c"):
            turns.end(name)
            await settle()
        await asyncio.gather(*tasks)

    run(test)


def test_places_and_the_time_they_take() -> None:
    async def test() -> None:
        now = 0.0
        turns = Turns(Queue(2, clock=lambda: now))
        tasks = []
        for name in "abcdef":
            tasks.append(turns.come(name))
            await settle()
        assert turns.queue.place("a") is None and turns.queue.place("nobody") is None
        assert turns.queue.place("c") == Place(1, None)  # nobody knows yet how long it takes
        assert turns.queue.place("f") == Place(4, None)
        now = 3.0
        turns.end("a")
        await settle()
        assert turns.queue.place("c") is None
        # two at once, three seconds each: the first in line in 1½ + 3 seconds
        assert turns.queue.place("d") == Place(1, 4.5)
        assert turns.queue.place("f") == Place(3, 7.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run(test)


def test_who_leaves_frees_the_place() -> None:
    async def test() -> None:
        turns = Turns(Queue(1))
        tasks = {}
        for name in "abcd":
            tasks[name] = turns.come(name)
            await settle()
        tasks["b"].cancel()
        await settle()
        assert turns.queue.place("b") is None and turns.queue.place("c") == Place(1, None)
        tasks["a"].cancel()  # in the middle of the turn
        await settle()
        assert turns.inside == ["c"]
        turns.end("c")
        tasks["d"].cancel()  # in the very moment in which it is called
        await settle()
        assert turns.inside == [] and not turns.queue.full
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert turns.queue._numbers == {} and turns.queue._called == {}

    run(test)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_who_leaves_as_they_are_called_gives_the_turn_on(moment: str) -> None:
    async def test() -> None:
        turns = Turns(Queue(1))
        tasks = {}
        for name in "abc":
            tasks[name] = turns.come(name)
            await settle()
        if moment == "before":
            tasks["b"].cancel()
        turns.end("a")
        await asyncio.sleep(0)
        tasks["b"].cancel()
        await settle()
        assert turns.inside == ["c"]
        turns.end("c")
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        assert not turns.queue.full

    run(test)


def test_a_turn_that_came_to_nothing_keeps_its_place() -> None:
    async def test() -> None:
        turns = Turns(Queue(1, SpawnerGone))
        first = turns.come("a")
        await settle()
        others = [turns.come("b"), turns.come("c")]
        await settle()
        turns.end("a", SpawnerGone("It is away."))
        with pytest.raises(SpawnerGone):
            await first
        assert turns.inside == ["b"]
        again = turns.come("a")
        await settle()
        assert turns.queue.place("a") == Place(1, None) and turns.queue.place("c") == Place(2, None)
        for name in ("b", "a", "c"):
            turns.end(name)
            await settle()
        await asyncio.gather(again, *others)
        assert turns.queue._numbers == {}

    run(test)


def test_a_failure_of_ones_own_costs_the_place() -> None:
    async def test() -> None:
        turns = Turns(Queue(1, SpawnerGone))
        waits: list[Awaitable[None]] = []
        for name in "ab":
            waits.append(turns.come(name))
            await settle()
        turns.end("a", ValueError("no"))
        await settle()
        assert turns.inside == ["b"]
        turns.end("b")
        await asyncio.gather(*waits, return_exceptions=True)
        assert turns.queue._numbers == {} and turns.queue._took[0] >= 0 and len(turns.queue._took) == 1

    run(test)


def test_a_place_that_was_kept_can_be_given_up() -> None:
    async def test() -> None:
        turns = Turns(Queue(1, SpawnerGone))
        task = turns.come("a")
        await settle()
        turns.end("a", SpawnerGone("It is away."))
        await asyncio.gather(task, return_exceptions=True)
        assert turns.queue._numbers == {"a": 1}
        turns.queue.forget("a")
        assert turns.queue._numbers == {}

    run(test)
