"""One at a time for each key, and nothing kept of keys that nobody waits for."""

from __future__ import annotations

import asyncio

import pytest

from lab_server.web.turns import Turns


async def test_one_at_a_time_in_the_order_they_came_and_other_keys_meanwhile() -> None:
    turns: Turns[str] = Turns()
    said: list[str] = []
    go = asyncio.Event()

    async def one(key: str, name: str) -> None:
        async with turns.take(key):
            said.append(f"{name}+")
            await go.wait()
            said.append(f"{name}-")

    tasks = [asyncio.create_task(one("a", name)) for name in ("1", "2", "3")] + [asyncio.create_task(one("b", "4"))]
    for _ in range(5):  # each has come as far as it can
        await asyncio.sleep(0)
    assert said == ["1+", "4+"] and len(turns) == 2
    go.set()
    await asyncio.gather(*tasks)
    assert [word for word in said if "4" not in word] == ["1+", "1-", "2+", "2-", "3+", "3-"]
    assert len(turns) == 0


async def test_who_gives_up_waiting_or_fails_leaves_nothing_and_stops_nobody() -> None:
    turns: Turns[str] = Turns()
    async with turns.take("a"):
        waiting = asyncio.create_task(turns.take("a").__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    with pytest.raises(RuntimeError):
        async with turns.take("a"):
            raise RuntimeError
    async with turns.take("a"):
        assert len(turns) == 1
    assert len(turns) == 0
