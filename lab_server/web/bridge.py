"""The pump between one terminal and those who watch it.

Knows: a descriptor that carries bytes both ways, the replay ring, and viewers, each of which is an offset into the ring.
Doesn't know the web framework, drivers, the spawner or who a viewer is.

    terminal ──readv──► ring (shared memory) ──► viewer ──send──► one connection
        ▲                                  └───► viewer ──send──► another
        └───────────── write ◄── pending ◄── input of any viewer

Output is read straight into the ring, so a stalled reader costs no memory: when every viewer is MAX_BEHIND bytes behind, the
terminal is no longer read and the kernel stops the writer; a viewer alone in being slow falls out of the ring and is
told (`gap`). With no viewer at all it is read at a modest rate, so that what runs there goes on. Input never waits on output.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Awaitable, Callable

from lab_server.sandbox.ring import Ring
from lab_server.web import protocol
from lab_server.web.protocol import MAX_BEHIND, Close

DRAIN = 64 * 1024  # bytes read in one go before others get their turn
CHUNK = 64 * 1024  # bytes of one frame
SMALL = 1024  # a read below this emptied the terminal
UNWATCHED_PAUSE = 0.05  # seconds between two drains while nobody watches: about 1.3 MB/s
REJOIN = 64 * 1024  # bytes of the past that a viewer gets who fell out of the ring
MAX_PENDING = 1 << 20  # bytes of input that wait for a shell that does not read
TELL_ACCEPTED = 0.05  # seconds; input counts are told in batches

# Waking for every small write of a flood costs more than it brings: after BURST wake-ups within SPAN seconds the terminal is
# read every TICK seconds instead. Only below SLOW bytes a second, where its own buffer can't fill in a TICK.
BURST, SPAN, TICK, SLOW = 4, 0.004, 0.001, 24e6

Send = Callable[[bytes | str], Awaitable[None]]
Status = Callable[[], Awaitable[tuple[int | None, str, Close]]]


class Viewer:
    """One connection's place in the output. Made by `Bridge.attach`; the connection runs `pump` until it returns."""

    def __init__(self, bridge: Bridge, client: str, offset: int) -> None:
        self.client = client
        self.offset = self.acked = offset
        self._bridge = bridge
        self._wake = asyncio.Event()
        self._close: Close | None = None
        self._pong = self._tell = False
        self._told = bridge.ring.accepted(client)
        self._hello = protocol.hello(bridge.name, offset, bridge.ring.end, self._told)

    @property
    def behind(self) -> int:
        """Bytes of output that this viewer has not acknowledged."""
        return self._bridge.ring.end - self.acked

    @property
    def ending(self) -> bool:
        """Whether `pump` is about to return: then nothing more is taken from this connection either, or bytes would be skipped."""
        return self._close is not None

    def ack(self, output: int) -> None:
        self.acked = max(self.acked, min(output, self.offset))
        self.wake()
        self._bridge.reconsider()

    def pong(self) -> None:
        self._pong = True
        self.wake()

    def tell(self) -> None:
        self._tell = True
        self.wake()

    def wake(self) -> None:
        self._wake.set()

    def end(self, close: Close) -> None:
        """Have `pump` return; nothing more is sent."""
        self._close = self._close or close
        self.wake()

    async def pump(self, send: Send) -> Close:
        """Send everything, in order, until this connection is to be closed; says how."""
        await send(self._hello)
        ring = self._bridge.ring
        while True:
            if self._close:
                return self._close
            ended = self._bridge.ended
            if self.offset < ring.start:
                self.offset = self.acked = self._bridge.rejoin(ring.end - REJOIN)
                await send(protocol.gap(self.offset))
            elif self.offset < ring.end and (ended or self.offset - self.acked < MAX_BEHIND):
                data = ring.read(self.offset, CHUNK)
                self.offset += len(data)
                await send(data)
            elif self._pong:
                self._pong = False
                await send(protocol.pong())
            elif self._tell:
                self._tell = False
                if (total := ring.accepted(self.client)) != self._told:
                    self._told = total
                    await send(protocol.accepted(total))
            elif ended:
                await send(protocol.exit(ended[0], ended[1]))
                return ended[2]
            else:
                self._wake.clear()
                await self._wake.wait()


class Bridge:
    """A terminal's pump. Owns `fd` and `ring`; runs on the loop it is made on.

    `status` is asked once, when the terminal is at its end: the exit status, a sentence, and how connections are closed.
    """

    def __init__(self, fd: int, ring: Ring, name: str, status: Status) -> None:
        self.ring, self.name = ring, name
        self.ended: tuple[int | None, str, Close] | None = None
        self.viewers: list[Viewer] = []
        self.finished = asyncio.Event()  # `ended` is known
        self._fd, self._status = fd, status
        self._loop = asyncio.get_running_loop()
        self._reading = self.over = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._telling: set[str] = set()
        self._pending: deque[tuple[str, bytes]] = deque()
        self._pending_bytes = 0
        self._since, self._wakes, self._bytes = 0.0, 0, 0
        self._task: asyncio.Task[None] | None = None
        os.set_blocking(fd, False)
        self._resume()

    # --- viewers ---

    def attach(self, client: str, offset: int | None = None) -> Viewer:
        """A new viewer, from `offset` where the ring still has it, else from the oldest it has.

        A client has one connection: an older one is closed, and its input that waits is forgotten, before this one is
        told how much of its input was taken. So nothing can be typed twice.
        """
        for other in [viewer for viewer in self.viewers if viewer.client == client]:
            other.end(Close(protocol.CLOSE_REPLACED, "Another connection of this page took over."))
            self.viewers.remove(other)
        self._forget(client)
        if offset is None or not self.ring.start <= offset <= self.ring.end:
            offset = self.rejoin(self.ring.start)
        viewer = Viewer(self, client, offset)
        self.viewers.append(viewer)
        self.reconsider()
        return viewer

    def detach(self, viewer: Viewer) -> None:
        with contextlib.suppress(ValueError):
            self.viewers.remove(viewer)
        self.reconsider()

    def rejoin(self, offset: int) -> int:
        """Where to begin at or after `offset`: after a line's end where one is near, so no escape sequence is cut."""
        offset = max(offset, self.ring.start)
        if offset == 0:
            return 0
        line = self.ring.read(offset, 4096).find(b"\n")
        return offset + line + 1

    # --- output ---

    def reconsider(self) -> None:
        """Go on reading where it may go on: called when a viewer came, went or acknowledged."""
        if not self._reading and self._timer is None and self._wanted():
            self._resume()

    def _wanted(self) -> bool:
        return not self.over and (not self.viewers or any(viewer.behind < MAX_BEHIND for viewer in self.viewers))

    def _resume(self) -> None:
        self._timer = None
        if not self._reading and not self.over:
            self._reading = True
            self._loop.add_reader(self._fd, self._readable)

    def _pause(self, seconds: float | None = None, then: Callable[[], None] | None = None) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)
        if seconds is not None:
            self._timer = self._loop.call_later(seconds, then or self._resume)

    def _drain(self) -> int:
        """Read what is there, at most DRAIN bytes, into the ring; wake the viewers."""
        total = 0
        try:
            while total < DRAIN:
                count = os.readv(self._fd, [self.ring.room(DRAIN - total)])
                if count == 0:
                    self._finish()
                    break
                self.ring.advance(count)
                total += count
                if count < SMALL:
                    break
        except BlockingIOError:
            pass
        except OSError:  # EIO: the last process on the other side of a PTY is gone
            self._finish()
        if total:
            for viewer in self.viewers:
                viewer.wake()
        return total

    def _readable(self) -> None:
        if not self._wanted():
            self._pause()
            return
        count = self._drain()
        if self.over:
            return
        if not self.viewers:
            self._pause(UNWATCHED_PAUSE)
            return
        now = self._loop.time()
        if now - self._since > SPAN:
            self._since, self._wakes, self._bytes = now, 0, 0
        self._wakes += 1
        self._bytes += count
        if self._wakes >= BURST and self._bytes < (now - self._since) * SLOW + 8192:
            self._pause(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._wanted():
            return
        count = self._drain()
        if self.over:
            return
        if not self.viewers or count < SMALL or count >= DRAIN // 2:
            self._wakes, self._since = 0, 0.0
            self._resume()
        else:
            self._timer = self._loop.call_later(TICK, self._tick)

    # --- input ---

    def write(self, viewer: Viewer, data: bytes) -> None:
        """Type `data`. Never waits: what the terminal doesn't take now follows when it does, up to MAX_PENDING bytes."""
        if viewer not in self.viewers or viewer.ending or self.over or not data:
            return
        rest = data if self._pending else self._put(viewer.client, data)
        if not rest:
            return
        if self._pending_bytes + len(rest) > MAX_PENDING:
            self._forget(viewer.client)
            viewer.end(Close(protocol.CLOSE_TOO_MANY, "What runs in the terminal does not read its input."))
            return
        if not self._pending:
            self._loop.add_writer(self._fd, self._writable)
        self._pending.append((viewer.client, rest))
        self._pending_bytes += len(rest)

    def _put(self, client: str, data: bytes) -> bytes:
        """Write what goes; the rest is returned. Counted first: a kill in between loses a key rather than doubling it."""
        self.ring.accept(client, len(data))
        try:
            count = os.write(self._fd, data)
        except BlockingIOError:
            count = 0
        except OSError:  # the terminal is at its end, which reading it finds out
            self.ring.accept(client, -len(data))
            return b""
        if count < len(data):
            self.ring.accept(client, count - len(data))
        if client not in self._telling:
            self._telling.add(client)
            self._loop.call_later(TELL_ACCEPTED, self._tell, client)
        return data[count:]

    def _tell(self, client: str) -> None:
        self._telling.discard(client)
        for viewer in self.viewers:
            if viewer.client == client and not self._closed:
                viewer.tell()

    def _writable(self) -> None:
        while self._pending:
            client, data = self._pending.popleft()
            self._pending_bytes -= len(data)
            rest = self._put(client, data)
            if rest:
                self._pending.appendleft((client, rest))
                self._pending_bytes += len(rest)
                return
        self._loop.remove_writer(self._fd)

    def _forget(self, client: str) -> None:
        kept = [entry for entry in self._pending if entry[0] != client]
        if self._pending and not kept:
            self._loop.remove_writer(self._fd)
        self._pending = deque(kept)
        self._pending_bytes = sum(len(data) for _, data in kept)

    # --- the end ---

    def _finish(self) -> None:
        """The terminal is at its end: stop, ask how it ended, tell the viewers."""
        if not self.over:
            self._stop()
            self._task = self._loop.create_task(self._ask())

    async def _ask(self) -> None:
        self._conclude(await self._status())

    def _conclude(self, ended: tuple[int | None, str, Close]) -> None:
        if self.ended is None:
            self.ended = ended
            self.finished.set()
            for viewer in self.viewers:
                viewer.wake()

    def _stop(self) -> None:
        self.over = True
        self._pause()
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            self._loop.remove_writer(self._fd)
            self._pending.clear()
            self._pending_bytes = 0

    def end(self, reason: str, close: Close) -> None:
        """Ended by order, not by itself: viewers get what was read, then `exit` with this reason."""
        self._stop()
        self._conclude((None, reason, close))

    def close(self) -> None:
        """Let the descriptors go; the shell lives on in the spawner's keeping. The viewers must have been told."""
        if self._closed:
            return
        self._stop()
        self._closed = True
        if self._task:
            self._task.cancel()
        os.close(self._fd)
        self.ring.close()
