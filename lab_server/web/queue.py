"""The line of those who wait for a sandbox: first come, first served, one place each, and about how long it takes.

Knows names, the order they came in, and how long the last turns took. Doesn't know what is done in a turn.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

REMEMBERED = 20  # turns whose lengths are the estimate


@dataclass(frozen=True)
class Place:
    """`place` counts from 1; `wait` is in seconds until one's own sandbox is ready, None where nobody can tell yet."""

    place: int
    wait: float | None


class Queue:
    """At most `turns` at once, in one event loop. Whose turn ends with an `again` comes in again where they were."""

    def __init__(
        self, turns: int, again: type[Exception] | tuple[()] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._turns, self._again, self._clock = turns, again, clock
        self._free = turns
        self._last = 0
        self._numbers: dict[str, int] = {}  # who → the number they drew; kept when a turn came to nothing
        self._line: list[int] = []  # numbers of those who wait, in order
        self._called: dict[int, asyncio.Future[None]] = {}
        self._took: deque[float] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether whoever comes now waits."""
        return self._free <= 0 or bool(self._line)

    def place(self, who: str) -> Place | None:
        """None for one who doesn't wait."""
        number = self._numbers.get(who)
        if number not in self._called:
            return None
        place = bisect.bisect_left(self._line, number) + 1
        return Place(place, self.estimate(place))

    def estimate(self, place: int) -> float | None:
        """Seconds until the sandbox of whoever is in this place is ready: those before them, then their own."""
        if not self._took:
            return None
        return (place / self._turns + 1) * statistics.median(self._took)

    @contextlib.asynccontextmanager
    async def turn(self, who: str) -> AsyncIterator[None]:
        """Inside it is `who`'s turn. Whoever is cancelled while waiting leaves the line."""
        number = self._numbers.get(who)
        if number is None:
            self._last += 1
            number = self._numbers[who] = self._last
        try:
            await self._wait(number)
            begun = self._clock()
            try:
                yield
                self._took.append(self._clock() - begun)
            finally:
                self._free += 1
                self._call()
        except BaseException as why:
            if not isinstance(why, self._again):
                self.forget(who)
            raise
        self.forget(who)

    def forget(self, who: str) -> None:
        """Give up the place that an earlier turn of theirs left them."""
        if self._numbers.get(who) not in self._called:
            self._numbers.pop(who, None)

    async def _wait(self, number: int) -> None:
        if not self.full:
            self._free -= 1
            return
        called = self._called[number] = asyncio.get_running_loop().create_future()
        bisect.insort(self._line, number)
        self._call()
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():  # it was their turn already: the next one's then
                self._free += 1
                self._call()
            raise
        finally:
            if number in self._line:
                self._line.remove(number)
            del self._called[number]

    def _call(self) -> None:
        while self._free > 0 and self._line:
            called = self._called[self._line.pop(0)]
            if not called.cancelled():  # else whoever waited for it is just leaving
                self._free -= 1
                called.set_result(None)
