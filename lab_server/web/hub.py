"""Which terminals this process pumps: one bridge a session of a sandbox, opened when first watched.

Knows the spawner's verbs on terminals, and bridges. Doesn't know learners, leases or the web framework.
A bridge stays while its shell lives, watched or not, so that what runs there goes on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable

from lab_server.errors import LabError, NotFound, SpawnerGone
from lab_server.sandbox.ring import Ring
from lab_server.web import protocol
from lab_server.web.bridge import Bridge, Viewer
from lab_server.web.protocol import Close
from lab_server.web.service import Service

Key = tuple[str, str]  # sandbox, session
RESIZE_EVERY = 0.05  # seconds between two resizes of a terminal; of those in between the last counts
STATUS_TRIES, STATUS_PAUSE = 20, 0.1  # an exit status may come a moment after the end of file


class Hub:
    """`lost` is told the id of a sandbox that ended by itself, and why."""

    def __init__(self, service: Service, lost: Callable[[str, str], None] = lambda sandbox, why: None) -> None:
        self._service = service
        self.lost = lost
        self._bridges: dict[Key, Bridge] = {}
        self._locks: dict[Key, asyncio.Lock] = {}
        self._sizes: dict[Key, tuple[int, int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(
        self, key: Key, size: tuple[int, int], client: str, offset: int | None = None, terminal: str | None = None
    ) -> tuple[Bridge, Viewer]:
        """Watch a terminal, opened where it isn't; `offset` counts only for the shell called `terminal`, if that is said."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            bridge = await self._bridge(key, size)
            viewer = bridge.attach(client, None if terminal not in (None, bridge.name) else offset)
        self.resize(key, size)
        return bridge, viewer

    async def _bridge(self, key: Key, size: tuple[int, int]) -> Bridge:
        bridge = self._bridges.get(key)
        if bridge and bridge.over:
            await bridge.finished.wait()
            self._drop(key, bridge)
            bridge = None
        if bridge is None:
            opened = await self._service.open(*key, *size)
            try:
                ring = Ring(opened.ring)
            except Exception:
                os.close(opened.fd)
                raise
            finally:
                os.close(opened.ring)
            bridge = self._bridges[key] = Bridge(opened.fd, ring, opened.terminal, lambda: self._status(key))
            self._spawn(self._reap(key, bridge))
        return bridge

    def detach(self, key: Key, bridge: Bridge, viewer: Viewer) -> None:
        bridge.detach(viewer)
        if bridge.over and not bridge.viewers and bridge.finished.is_set():
            self._drop(key, bridge)

    async def adopt(self, sandbox: str, sessions: Iterable[str]) -> None:
        """Take up terminals that a predecessor of this process left: their shells live, and are to go on unwatched."""
        for session in sessions:
            try:
                if (sandbox, session) not in self._bridges and (await self._service.status(sandbox, session))["alive"]:
                    async with self._locks.setdefault((sandbox, session), asyncio.Lock()):
                        await self._bridge((sandbox, session), (protocol.DEFAULT_COLUMNS, protocol.DEFAULT_ROWS))
            except LabError:
                continue  # never opened, or gone meanwhile

    def end(self, sandbox: str, reason: str, close: Close) -> None:
        """Tell everybody in a sandbox that it is over."""
        for key, bridge in list(self._bridges.items()):
            if key[0] == sandbox:
                del self._bridges[key]
                bridge.end(reason, close)
                if not bridge.viewers:
                    bridge.close()
        for key in [key for key, lock in self._locks.items() if key[0] == sandbox and not lock.locked()]:
            del self._locks[key]

    def resize(self, key: Key, size: tuple[int, int]) -> None:
        """Give the terminal this size, soon; a storm of sizes becomes its last."""
        busy = key in self._sizes
        self._sizes[key] = size
        if not busy:
            self._spawn(self._resizing(key))

    async def _resizing(self, key: Key) -> None:
        try:
            done: tuple[int, int] | None = None
            while (size := self._sizes[key]) != done:
                try:
                    await self._service.resize(*key, *size)
                except LabError:
                    return  # ended meanwhile, which its viewers are told by its end of file
                done = size
                await asyncio.sleep(RESIZE_EVERY)
        finally:
            del self._sizes[key]

    async def _status(self, key: Key) -> tuple[int | None, str, Close]:
        for _ in range(STATUS_TRIES):
            try:
                status = await self._service.status(*key)
            except NotFound:
                self._tell_lost(key[0], "The sandbox ended.")
                return None, "The sandbox ended.", Close(protocol.CLOSE_ENDED, "The sandbox ended.")
            except SpawnerGone:
                status = {"alive": True}
            if not status["alive"]:
                reason = str(status["reason"])
                if "sandbox" in reason:
                    self._tell_lost(key[0], reason)
                    return status["code"], reason, Close(protocol.CLOSE_ENDED, reason)
                return status["code"], reason, Close(protocol.CLOSE_DONE, reason)
            await asyncio.sleep(STATUS_PAUSE)
        try:  # a shell that nobody can reach any more
            await self._service.hangup(*key)
        except LabError as why:
            return None, str(why), Close(protocol.CLOSE_BROKEN, "The terminal was lost.")
        return None, "The terminal was lost.", Close(protocol.CLOSE_DONE, "The terminal was lost.")

    def _tell_lost(self, sandbox: str, reason: str) -> None:
        """After this terminal's own end was told, which knows the exit status."""
        asyncio.get_running_loop().call_soon(self.lost, sandbox, reason)

    async def _reap(self, key: Key, bridge: Bridge) -> None:
        await bridge.finished.wait()
        if not bridge.viewers:
            self._drop(key, bridge)

    def _drop(self, key: Key, bridge: Bridge) -> None:
        if self._bridges.get(key) is bridge:
            del self._bridges[key]
        if not bridge.viewers:
            bridge.close()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Let go of every terminal; the shells live on."""
        for task in self._tasks:
            task.cancel()
        for bridge in self._bridges.values():
            for viewer in bridge.viewers:
                viewer.end(Close(protocol.CLOSE_RESTARTING, "The server is restarting."))
            bridge.close()
        self._bridges.clear()
