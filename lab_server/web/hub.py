"""Which terminals this process pumps: one bridge a session of a sandbox, opened when first watched.

Knows the spawner's verbs on terminals, and bridges. Doesn't know learners, leases or the web framework.
A bridge stays while its shell lives, watched or not, so that what runs there goes on.
"""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial

import structlog

from lab_server.errors import LabError, NotFound, SandboxFailed, SpawnerGone
from lab_server.sandbox.client import OpenTerminal
from lab_server.sandbox.ring import Ring
from lab_server.web import protocol
from lab_server.web.bridge import Bridge
from lab_server.web.protocol import Close
from lab_server.web.service import Service
from lab_server.web.terms import typed
from lab_server.web.turns import Turns
from lab_server.web.viewer import Viewer

log = structlog.get_logger()

Key = tuple[str, str]  # sandbox, session
RESIZE_EVERY = 0.05  # seconds between two resizes of a terminal; of those in between the last counts
STATUS_TRIES, STATUS_PAUSE = 20, 0.1  # an exit status may come a moment after the end of file


class Hub:
    """`lost` is told the id of a sandbox that ended by itself, and why; `typed` that of one in which somebody types.

    `greetings` give what a page with a terminal of a sandbox is told first, or None. `opened` is told each terminal that is pumped from
    now on.
    """

    def __init__(self, service: Service, lost: Callable[[str, str], None] = lambda sandbox, why: None) -> None:
        self._service = service
        self.lost = lost
        self.typed: Callable[[str], None] = lambda sandbox: None
        self.greetings: list[Callable[[str], str | None]] = []
        self.opened: Callable[[Key, Bridge], None] = lambda key, bridge: None
        self._bridges: dict[Key, Bridge] = {}
        self._turns: Turns[Key] = Turns()
        self._sizes: dict[Key, tuple[tuple[int, int], Viewer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def attach(
        self, key: Key, size: tuple[int, int], client: str, offset: int | None = None, terminal: str | None = None
    ) -> tuple[Bridge, Viewer]:
        """Watch a terminal, opened where it isn't; `offset` counts only for the shell called `terminal`, if that is said."""
        async with self._turns.take(key):
            bridge = await self._bridge(key, size)
            viewer = bridge.attach(client, None if terminal not in (None, bridge.name) else offset)
        for greet in self.greetings:
            if greeting := greet(key[0]):
                viewer.say(greeting)
        self.resize(key, size, viewer)
        return bridge, viewer

    def watch(
        self, key: Key, client: str, offset: int | None = None, terminal: str | None = None
    ) -> tuple[Bridge, Viewer]:
        """Look at a terminal that is open, in the size that it has: nothing of it changes. Raises NotFound.

        `client` is a name that no page can give itself: a page's connection would be replaced.
        """
        bridge = self._bridges.get(key)
        if bridge is None or bridge.over:
            raise NotFound("This terminal is not open.", "It can be watched once its learner opens it.")
        viewer = bridge.attach(client, None if terminal not in (None, bridge.name) else offset, guest=True)
        viewer.resized(bridge.size)
        return bridge, viewer

    async def _bridge(self, key: Key, size: tuple[int, int]) -> Bridge:
        bridge = self._bridges.get(key)
        if bridge and bridge.over:
            finished = asyncio.Event()
            bridge.when_finished(finished.set)
            await finished.wait()
            self._drop(key, bridge)
            bridge = None
        if bridge is None:
            opened = await self._open(key, size)
            try:
                ring = self._ring(opened)
            except SandboxFailed as why:  # an earlier version's, or damaged: nobody can watch that shell any more
                log.warning("a terminal is opened anew", why=str(why))
                await self._service.hangup(*key)
                opened = await self._open(key, size)
                ring = self._ring(opened)
            bridge = self._bridges[key] = Bridge(opened.fd, ring, opened.terminal, lambda: self._status(key))
            bridge.size = _size(opened.fd) or size
            bridge.typed = partial(self._typed, key[0])
            bridge.when_finished(partial(self._reap_soon, key, bridge))
            self.opened(key, bridge)
        return bridge

    @staticmethod
    def _ring(opened: OpenTerminal) -> Ring:
        """Its ring, mapped; its terminal is closed where that can't be."""
        try:
            return Ring(opened.ring)
        except Exception:
            os.close(opened.fd)
            raise
        finally:
            os.close(opened.ring)

    async def _open(self, key: Key, size: tuple[int, int]) -> OpenTerminal:
        try:
            return await self._service.open(*key, *size)
        except NotFound:  # its lease says otherwise: which of them is right is found out within seconds
            raise SpawnerGone("Your sandbox can't be found at the moment.", "It is being looked for.") from None

    def _typed(self, sandbox: str, data: bytes) -> None:
        if typed(data):
            self.typed(sandbox)

    def bridges(self) -> Mapping[Key, Bridge]:
        """The terminals that are pumped, by sandbox and session."""
        return self._bridges

    def detach(self, key: Key, bridge: Bridge, viewer: Viewer) -> None:
        bridge.detach(viewer)
        if bridge.ended and not bridge.viewers:
            self._drop(key, bridge)

    async def adopt(self, sandbox: str, sessions: Iterable[str]) -> None:
        """Take up terminals that a predecessor of this process left: their shells live, and are to go on unwatched."""
        for session in sessions:
            try:
                if (sandbox, session) not in self._bridges and (await self._service.status(sandbox, session))["alive"]:
                    async with self._turns.take((sandbox, session)):
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

    def say(self, sandbox: str, text: str, guests: bool = True) -> None:
        """A text frame to everybody who has a terminal of a sandbox open; `guests`: also to those who look on."""
        for key, bridge in list(self._bridges.items()):
            if key[0] == sandbox:
                for viewer in bridge.viewers[:]:
                    if guests or not viewer.guest:
                        viewer.say(text)

    def resize(self, key: Key, size: tuple[int, int], viewer: Viewer) -> None:
        """Give the terminal this size, soon; a storm of sizes becomes its last. Who asked last has its way: the others are told."""
        busy = key in self._sizes
        self._sizes[key] = (size, viewer)
        if not busy:
            self._spawn(self._resizing(key))

    async def _resizing(self, key: Key) -> None:
        try:
            done: tuple[tuple[int, int], Viewer] | None = None
            while (wanted := self._sizes[key]) != done:
                try:
                    await self._service.resize(*key, *wanted[0])
                except LabError:
                    return  # ended meanwhile, which its viewers are told by its end of file
                done = wanted
                if (bridge := self._bridges.get(key)) is not None:
                    bridge.size = wanted[0]
                    for other in bridge.viewers[:]:
                        if other is not wanted[1]:
                            other.resized(wanted[0])
                await asyncio.sleep(RESIZE_EVERY)
        finally:
            del self._sizes[key]

    async def _status(self, key: Key) -> tuple[int | None, str, Close]:
        for _ in range(STATUS_TRIES):
            try:
                status = await self._service.status(*key)
            except NotFound:
                if await self._missing(key[0]):
                    self._tell_lost(key[0], "The sandbox ended.")
                    return None, "The sandbox ended.", Close(protocol.CLOSE_ENDED, "The sandbox ended.")
                status = {"alive": True}  # it may be on its way out
            except LabError:  # it is away, or broke
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

    async def _missing(self, sandbox: str) -> bool:
        """Whether the spawner has no such sandbox: its shell ended, and it says so for the second time."""
        try:
            return all(one["sandbox"] != sandbox for one in await self._service.list())
        except LabError:
            return False

    def _tell_lost(self, sandbox: str, reason: str) -> None:
        """After this terminal's own end was told, which knows the exit status."""
        asyncio.get_running_loop().call_soon(self.lost, sandbox, reason)

    def _reap_soon(self, key: Key, bridge: Bridge) -> None:
        """After everybody else who wants to know, to whom the last of what was printed matters."""
        asyncio.get_running_loop().call_soon(self._reap, key, bridge)

    def _reap(self, key: Key, bridge: Bridge) -> None:
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
        for bridge in list(self._bridges.values()):
            for viewer in list(bridge.viewers):
                viewer.end(Close(protocol.CLOSE_RESTARTING, "The server is restarting."))
            bridge.close()
        self._bridges.clear()


def _size(fd: int) -> tuple[int, int] | None:
    """What the terminal itself says of its size; None where it is none that can tell."""
    try:
        rows, columns = termios.tcgetwinsize(fd)
    except (OSError, termios.error):
        return None
    return (columns, rows) if columns and rows else None
