"""The spawner for asynchronous callers: the blocking client in threads, with a sane number of them.

Knows the client's verbs and how many may be under way at once. Doesn't know learners or HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lab_server.errors import SpawnerGone
from lab_server.sandbox.client import OpenTerminal, SpawnerClient

T = TypeVar("T")
FRESH = 0.5  # seconds for which an answer of `info` serves all askers
CREATES = 4  # sandboxes made at once; the rest wait in line
CALLS = 12  # short verbs at once


class Service:
    """One method a verb. Raises what SpawnerClient raises."""

    def __init__(self, client: SpawnerClient) -> None:
        self._client = client
        self._creates = ThreadPoolExecutor(CREATES, thread_name_prefix="create")
        self._calls = ThreadPoolExecutor(CALLS, thread_name_prefix="call")
        self._turns = asyncio.Semaphore(CREATES)
        self._info: tuple[float, dict[str, Any]] = (-1.0, {})
        self._asking: asyncio.Future[dict[str, Any]] | None = None
        self._making: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.waiting = 0  # creates in line

    async def _call(self, call: Callable[..., T], *arguments: Any, pool: ThreadPoolExecutor | None = None) -> T:
        return await asyncio.get_running_loop().run_in_executor(pool or self._calls, call, *arguments)

    async def info(self) -> dict[str, Any]:
        """As SpawnerClient.info, at most FRESH seconds old; a spawner that is away is one that is not ready."""
        if time.monotonic() - self._info[0] < FRESH:
            return self._info[1]
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._ask())
            self._asking.add_done_callback(self._asked)
        return await asyncio.shield(self._asking)

    async def _ask(self) -> dict[str, Any]:
        try:
            return await self._call(self._client.info)
        except SpawnerGone as why:
            return {"ready": False, "driver": "", "reason": "", "detail": str(why), "capabilities": {}, "facts": {}}

    def _asked(self, done: asyncio.Future[dict[str, Any]]) -> None:
        self._asking = None
        if not done.cancelled() and done.exception() is None:
            self._info = (time.monotonic(), done.result())

    async def list(self) -> list[dict[str, Any]]:
        return await self._call(self._client.list)

    async def create(
        self, sandbox: str, template: str, labels: Mapping[str, str], ahead: Callable[[int], None]
    ) -> dict[str, Any]:
        """Waits for its turn; `ahead` is told how many go first."""
        if self._turns.locked():
            ahead(self.waiting)
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        try:
            ahead(-1)
            making = asyncio.ensure_future(
                self._call(self._client.create, sandbox, template, labels, pool=self._creates)
            )
            self._making[sandbox] = making
            making.add_done_callback(lambda done: done.cancelled() or done.exception())
            return await asyncio.shield(making)
        finally:
            self._turns.release()

    async def destroy(self, sandbox: str) -> None:
        """Also of one whose making was given up but is under way: that ends first, so nothing is left over."""
        making = self._making.pop(sandbox, None)
        if making:
            await asyncio.wait({making})
        await self._call(self._client.destroy, sandbox)

    async def open(self, sandbox: str, session: str, columns: int, rows: int) -> OpenTerminal:
        return await self._call(self._client.open, sandbox, session, columns, rows)

    async def resize(self, sandbox: str, session: str, columns: int, rows: int) -> None:
        await self._call(self._client.resize, sandbox, session, columns, rows)

    async def status(self, sandbox: str, session: str) -> dict[str, Any]:
        return await self._call(self._client.status, sandbox, session)

    async def hangup(self, sandbox: str, session: str) -> None:
        await self._call(self._client.hangup, sandbox, session)

    def close(self) -> None:
        """Wait for no call: a web server that ends leaves the spawner to itself."""
        self._creates.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=False, cancel_futures=True)
