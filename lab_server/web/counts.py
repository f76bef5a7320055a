"""Counts that cost next to nothing to keep, and nothing while nobody asks.

Knows numbers, and what no part of web keeps by itself: requests, closed websockets, calls to the spawner. Doesn't know what they are
called outside or who reads them (metrics.py does, when it is asked). Made for the event loop's thread; `Calls` may be told from any.
"""

from __future__ import annotations

import contextlib
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from lab_server.errors import LabError
from lab_server.sandbox.client import Captured, SpawnerClient

ECHO = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5)  # seconds
CALL = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds: a request, a verb
START = (0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 240.0)  # seconds: from asking to ready


class Times:
    """A histogram of seconds. `bounds` are the buckets' upper ends; one more has what is above them all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def copy(self) -> Times:
        made = Times(self.bounds)
        made.counts, made.total = self.counts.copy(), self.total
        return made

    @property
    def count(self) -> int:
        return sum(self.counts)

    def buckets(self) -> list[tuple[str, float]]:
        """(upper end, how many were at or below it), as Prometheus wants them: cumulative, the last one `+Inf`."""
        found: list[tuple[str, float]] = []
        below = 0
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            below += count
            found.append((bound, float(below)))
        return found


class Calls:
    """Calls to the spawner, by verb."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: dict[str, Times] = {}
        self._failures: Counter[tuple[str, str]] = Counter()

    @contextlib.contextmanager
    def timing(self, verb: str) -> Iterator[None]:
        """Count what is done within, and as a failure, by its code, if it raises."""
        began, code = time.perf_counter(), ""
        try:
            yield
        except LabError as why:
            code = why.code
            raise
        finally:
            took = time.perf_counter() - began
            with self._lock:
                self._times.setdefault(verb, Times(CALL)).observe(took)
                if code:
                    self._failures[verb, code] += 1

    def times(self) -> dict[str, Times]:
        with self._lock:
            return {verb: times.copy() for verb, times in self._times.items()}

    def failures(self) -> dict[tuple[str, str], int]:
        """(verb, code of the error) → how often."""
        with self._lock:
            return dict(self._failures)


class TimedClient(SpawnerClient):
    """The spawner's client with a stopwatch at its one door, so that no caller needs one."""

    def __init__(self, client: SpawnerClient, calls: Calls) -> None:
        super().__init__(client.path, client.timeout)
        self._calls = calls

    def call(
        self, verb: str, fds: tuple[int, ...] = (), *, timeout: float | None = -1, **fields: Any
    ) -> tuple[dict[str, Any], list[int]]:
        with self._calls.timing(verb):
            return super().call(verb, fds, timeout=timeout, **fields)

    def capture(
        self, sandbox: str, argv: Sequence[str], given: bytes, most: int, timeout: float, stop: int = -1
    ) -> Captured:
        with self._calls.timing("run"):
            return super().capture(sandbox, argv, given, most, timeout, stop)


class Seen:
    """What passed through the outermost layer (requests.py), and what was asked of the spawner."""

    def __init__(self) -> None:
        self.calls = Calls()
        self.answers: dict[tuple[str, str, str], Times] = {}  # method, route, status → seconds to the answer's head
        self.closes: Counter[str] = Counter()  # close code of a websocket → how many

    def answered(self, method: str, route: str, status: str, seconds: float) -> None:
        times = self.answers.get((method, route, status))
        if times is None:
            times = self.answers[method, route, status] = Times(CALL)
        times.observe(seconds)
