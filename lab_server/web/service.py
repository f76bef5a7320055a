"""The spawner for asynchronous callers: the blocking client in threads, with a sane number of them.

Knows the client's verbs and how many may be under way at once. Doesn't know learners or HTTP.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from lab_server.errors import MEANWHILE, HostFull, SpawnerGone
from lab_server.sandbox.client import Captured, OpenTerminal, SpawnerClient
from lab_server.web.queue import Queue

T = TypeVar("T")
Made = TypeVar("Made", bound=dict[str, Any] | None)
FRESH = 0.5  # seconds for which an answer of `info` serves all askers
CREATES = max(2, min(4, os.cpu_count() or 1))  # sandboxes made at once; the rest wait in line
OPENS = CREATES  # terminals opened at once
CALLS = 12  # short verbs at once
CAPTURES = 16  # commands in sandboxes at once; the rest wait in line


class Service:
    """One method a verb. Raises what SpawnerClient raises."""

    def __init__(self, client: SpawnerClient) -> None:
        self._client = client
        self._creates = ThreadPoolExecutor(CREATES, thread_name_prefix="create")
        self._opens = ThreadPoolExecutor(OPENS, thread_name_prefix="open")
        self._calls = ThreadPoolExecutor(CALLS, thread_name_prefix="call")
        self._captures = ThreadPoolExecutor(CAPTURES, thread_name_prefix="capture")
        self._stop, self._stopper = os.pipe()  # what can be read from it ends every capture
        self.queue = Queue(CREATES, SpawnerGone)  # of those who want a sandbox, by its id
        self._info: tuple[float, dict[str, Any]] = (-1.0, {})
        self._asking: asyncio.Future[dict[str, Any]] | None = None
        self._making: dict[str, asyncio.Future[Any]] = {}

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
        """A warm one at once, where nobody waits; else one's turn is waited for, and `ahead` is told how many go first."""
        what = (sandbox, template, labels)
        if not self.queue.full and (warm := await self._make(sandbox, self._call(self._client.bind, *what))):
            return warm
        if self.queue.full:
            ahead(len(self.queue))
        async with self.queue.turn(sandbox):
            ahead(-1)
            made = await self._make(sandbox, self._call(self._client.create, *what, pool=self._creates))
        assert made is not None
        return made

    async def _make(self, sandbox: str, call: Coroutine[Any, Any, Made]) -> Made:
        """What `call` gives. It goes on when whoever waits for it gives up, and `destroy` finds it."""
        making = asyncio.ensure_future(call)
        self._making[sandbox] = making
        making.add_done_callback(partial(self._made, sandbox))
        return await asyncio.shield(making)

    def _made(self, sandbox: str, done: asyncio.Future[Any]) -> None:
        if self._making.get(sandbox) is done:
            del self._making[sandbox]
        if not done.cancelled():
            done.exception()  # whoever waits has it; where nobody does, it is no news

    async def admit(self, promised: int) -> None:
        """Raises HostFull where whoever came now would get no sandbox, however long they waited; `promised` others have one or will."""
        info = await self.info()
        if full := info.get("full"):
            raise HostFull(**full)
        if info["ready"] and promised >= info["most"]:
            raise HostFull(
                f"All {info['most']} sandboxes of this host are taken, or promised to those in line.", MEANWHILE
            )

    async def destroy(self, sandbox: str) -> None:
        """Also of one whose making was given up but is under way: that ends first, so nothing is left over."""
        self.queue.forget(sandbox)
        making = self._making.pop(sandbox, None)
        if making:
            await asyncio.wait({making})
        await self._call(self._client.destroy, sandbox)

    async def open(self, sandbox: str, session: str, columns: int, rows: int) -> OpenTerminal:
        return await self._call(self._client.open, sandbox, session, columns, rows, pool=self._opens)

    async def resize(self, sandbox: str, session: str, columns: int, rows: int) -> None:
        await self._call(self._client.resize, sandbox, session, columns, rows)

    async def status(self, sandbox: str, session: str) -> dict[str, Any]:
        return await self._call(self._client.status, sandbox, session)

    async def hangup(self, sandbox: str, session: str) -> None:
        await self._call(self._client.hangup, sandbox, session)

    async def freeze(self, sandbox: str, on: bool) -> None:
        await self._call(self._client.freeze, sandbox, on)

    async def capture(self, sandbox: str, argv: Sequence[str], given: bytes, most: int, seconds: float) -> Captured:
        """As SpawnerClient.capture, and ended by `close` too."""
        return await self._call(
            self._client.capture, sandbox, argv, given, most, seconds, self._stop, pool=self._captures
        )

    def close(self) -> None:
        """Wait for no call but those that end at once: a web server that ends leaves the spawner to itself."""
        os.write(self._stopper, b"x")
        self._captures.shutdown(cancel_futures=True)
        os.close(self._stop)
        os.close(self._stopper)
        self._creates.shutdown(wait=False, cancel_futures=True)
        self._opens.shutdown(wait=False, cancel_futures=True)
        self._calls.shutdown(wait=False, cancel_futures=True)
