"""What sandboxes use and the host has left, as the spawner tells it: asked when somebody wants to know, at most once a second.

Knows the verb `usage`. Doesn't know who wants to know, or leases.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lab_server.errors import LabError
from lab_server.sandbox.client import SpawnerClient

FRESH = 1.0  # seconds for which an answer serves all askers
AT_ONCE = 256  # sandboxes in one question (rpc.MOST_MEASURED)


@dataclass(frozen=True)
class Usage:
    """`host` as sandbox/usage.of_host gives it, `sandboxes` by id as of_cgroup does; empty where the spawner can't tell.

    `most`: sandboxes that there may be at once; 0 where it isn't known. `at`: seconds since the epoch.
    """

    at: float
    most: int = 0
    host: dict[str, float] = field(default_factory=dict)
    sandboxes: dict[str, dict[str, float]] = field(default_factory=dict)


class Meter:
    def __init__(self, client: SpawnerClient) -> None:
        self._client = client
        self._last: tuple[float, Usage] = (-FRESH, Usage(0.0))
        self._lock = asyncio.Lock()

    async def read(self, ids: Iterable[str]) -> Usage:
        """Never raises: a spawner that is away is one that tells nothing."""
        async with self._lock:
            if time.monotonic() - self._last[0] >= FRESH:
                found = await asyncio.to_thread(self._ask, sorted(ids))
                self._last = (time.monotonic(), found)
            return self._last[1]

    def _ask(self, ids: list[str]) -> Usage:
        host: dict[str, float] = {}
        sandboxes: dict[str, dict[str, float]] = {}
        most = 0
        try:
            for some in [ids[start : start + AT_ONCE] for start in range(0, len(ids) or 1, AT_ONCE)]:
                told: dict[str, Any] = self._client.usage(some)
                host, most = told["host"], int(told["most"])
                sandboxes |= told["sandboxes"]
        except LabError:
            pass
        return Usage(time.time(), most, host, sandboxes)
