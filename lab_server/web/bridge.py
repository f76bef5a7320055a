"""The pump between one terminal and those who watch it.

Knows: a descriptor that carries bytes both ways, the replay ring, and viewers (viewer.py), each of which is an offset into the ring.
Doesn't know the web framework, drivers, the spawner or who a viewer is.

    terminal ──readv──► ring (shared memory) ──► viewer ──► one connection
        ▲                                  └───► viewer ──► another
        └───────────── write ◄── pending ◄── input of any viewer

Output is read straight into the ring, so a stalled reader costs no memory: when every viewer is MAX_BEHIND bytes behind, the
terminal is no longer read and the kernel stops the writer; a viewer alone in being slow falls out of the ring and is
told (`gap`). With no viewer at all it is read at a modest rate, so that what runs there goes on. Input never waits on output.
A guest only looks on: it neither has the terminal read nor keeps it from being read.
There is no task: the loop calls when the terminal is readable, and viewers are told at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from time import monotonic

from lab_server.sandbox.ring import Ring
from lab_server.web import protocol
from lab_server.web.counts import ECHO, Times
from lab_server.web.protocol import MAX_BEHIND, Close
from lab_server.web.viewer import TELL_ACCEPTED, Viewer

DRAIN = 64 * 1024  # bytes read in one go before others get their turn
SMALL = 1024  # a read below this emptied the terminal
UNWATCHED_PAUSE = 0.05  # seconds between two drains while nobody watches: about 1.3 MB/s
MAX_PENDING = 1 << 20  # bytes of input that wait for a shell that does not read

# Waking for every small write of a flood costs more than it brings: after BURST wake-ups within SPAN seconds, with LITTLE bytes or
# fewer at each, the terminal is read every TICK seconds instead. Who writes much at once is held up by that: the kernel keeps a few KiB.
BURST, SPAN, LITTLE, TICK = 4, 0.004, 1536, 0.001

Status = Callable[[], Awaitable[tuple[int | None, str, Close]]]


def ignore(data: bytes) -> None:
    """Nobody wants to be told."""


class Totals:
    """Of all terminals since this process started: bytes read from them (`bytes_out`) and given to them (`bytes_in`), and their `echo`."""

    __slots__ = ("bytes_in", "bytes_out", "echo")

    def __init__(self) -> None:
        self.bytes_in = self.bytes_out = 0
        self.echo = Times(ECHO)  # from input to the next output; one sample a terminal at a time


TOTALS = Totals()


class Bridge:
    """A terminal's pump. Owns `fd` and `ring`; runs on the loop it is made on.

    `status` is asked once, when the terminal is at its end: the exit status, a sentence, and how connections are closed.
    """

    __slots__ = (
        "_bytes",
        "_closed",
        "_fd",
        "_finished",
        "_loop",
        "_pending",
        "_pending_bytes",
        "_reading",
        "_since",
        "_status",
        "_task",
        "_timed",
        "_timer",
        "_wakes",
        "ended",
        "heard",
        "name",
        "over",
        "ring",
        "size",
        "typed",
        "viewers",
    )

    def __init__(self, fd: int, ring: Ring, name: str, status: Status) -> None:
        self.ring, self.name = ring, name
        self.ended: tuple[int | None, str, Close] | None = None
        self.viewers: list[Viewer] = []
        self.typed: Callable[[bytes], None] = ignore  # is told of all input, before it is written
        self.heard = 0.0  # when somebody typed last, of monotonic(); 0.0: nobody did, that this process knows of
        self.size = (protocol.DEFAULT_COLUMNS, protocol.DEFAULT_ROWS)  # as far as this process knows
        self._timed = 0.0  # when the input came whose echo is being timed; 0.0: none is
        self._fd, self._status = fd, status
        self._loop = asyncio.get_running_loop()
        self._finished: list[Callable[[], None]] = []
        self._reading = self.over = self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._pending: list[tuple[Viewer, bytearray]] = []
        self._pending_bytes = 0
        self._since, self._wakes, self._bytes = 0.0, 0, 0
        self._task: asyncio.Task[None] | None = None
        os.set_blocking(fd, False)
        self._resume()

    # --- viewers ---

    def attach(self, client: str, offset: int | None = None, guest: bool = False) -> Viewer:
        """A new viewer, from `offset` where the ring still has it, else from the oldest it has.

        A client has one connection: an older one is closed, and its input that waits is forgotten, before this one is
        told how much of its input was taken. So nothing can be typed twice.
        """
        for other in [viewer for viewer in self.viewers if viewer.client == client]:
            self.viewers.remove(other)
            other.end(Close(protocol.CLOSE_REPLACED, "Another connection of this page took over."))
        self._forget(client)
        if offset is None or not self.ring.start <= offset <= self.ring.end:
            offset = self.rejoin(self.ring.start)
        viewer = Viewer(self, client, offset, guest)
        self.viewers.insert(len(self.viewers) if guest else 0, viewer)  # guests are served last
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
        if self.over:
            return False
        enough = self.ring.end - MAX_BEHIND
        nobody = True
        for viewer in self.viewers:
            if not viewer.guest:
                if viewer.acked > enough:
                    return True
                nobody = False
        return nobody

    def _unwatched(self) -> bool:
        """Whether nobody keeps up: no viewer but guests that are behind."""
        enough = self.ring.end - MAX_BEHIND
        return all(viewer.guest and viewer.acked <= enough for viewer in self.viewers)

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
        """Read what is there, at most DRAIN bytes, into the ring; have the viewers send it."""
        total = 0
        ring, fd = self.ring, self._fd
        try:
            while total < DRAIN:
                count = os.readv(fd, (ring.room(DRAIN - total),))
                if count == 0:
                    self._finish()
                    break
                ring.advance(count)
                total += count
                if count < SMALL:
                    break
        except BlockingIOError:
            pass
        except OSError:  # EIO: the last process on the other side of a PTY is gone
            self._finish()
        if total:
            TOTALS.bytes_out += total
            if self._timed:
                TOTALS.echo.observe(monotonic() - self._timed)
                self._timed = 0.0
            for viewer in self.viewers[:]:
                viewer.notify()
        return total

    def _readable(self) -> None:
        if not self._wanted():
            self._pause()
            return
        count = self._drain()
        if self.over:
            return
        if self._unwatched():
            self._pause(UNWATCHED_PAUSE)
            return
        now = monotonic()
        if now - self._since > SPAN:
            self._since, self._wakes, self._bytes = now, 0, 0
        self._wakes += 1
        self._bytes += count
        if self._wakes >= BURST and self._bytes < self._wakes * LITTLE:
            self._pause(TICK, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._wanted():
            return
        count = self._drain()
        if self.over:
            return
        if self._unwatched() or count < SMALL or count >= DRAIN // 2:
            self._wakes, self._since = 0, 0.0
            self._resume()
        else:
            self._timer = self._loop.call_later(TICK, self._tick)

    # --- input ---

    def write(self, viewer: Viewer, data: bytes) -> None:
        """Type `data`. Never waits: what the terminal doesn't take now follows when it does, up to MAX_PENDING bytes."""
        if viewer not in self.viewers or viewer.ending or self.over or not data:
            return
        self.typed(data)
        self.heard = monotonic()
        self._timed = self._timed or self.heard
        done = 0 if self._pending else self._put(viewer, data)
        if done == len(data):
            return
        if self._pending_bytes + len(data) - done > MAX_PENDING:
            self._forget(viewer.client)
            viewer.end(Close(protocol.CLOSE_TOO_MANY, "What runs in the terminal does not read its input."))
            return
        if not self._pending:
            self._loop.add_writer(self._fd, self._writable)
        if self._pending and self._pending[-1][0] is viewer:
            self._pending[-1][1].extend(data)
        else:
            self._pending.append((viewer, bytearray(data[done:])))
        self._pending_bytes += len(data) - done

    def _put(self, viewer: Viewer, data: bytes | bytearray) -> int:
        """Write what goes; how much is dealt with. Counted first: a kill in between loses a key rather than doubling it."""
        size = len(data)
        self.ring.accept(viewer.client, size)
        try:
            count = os.write(self._fd, data)
        except BlockingIOError:
            count = 0
        except OSError:  # the terminal is at its end, which reading it finds out
            self.ring.accept(viewer.client, -size)
            return size
        if count < size:
            self.ring.accept(viewer.client, count - size)
        TOTALS.bytes_in += count
        if not viewer.telling:
            viewer.telling = True
            self._loop.call_later(TELL_ACCEPTED, self._tell, viewer)
        return count

    def _tell(self, viewer: Viewer) -> None:
        viewer.telling = False
        if not self._closed and viewer in self.viewers:
            viewer.tell()

    def _writable(self) -> None:
        while self._pending:
            viewer, data = self._pending[0]
            done = self._put(viewer, data)
            self._pending_bytes -= done
            if done < len(data):
                del data[:done]
                return
            del self._pending[0]
        self._loop.remove_writer(self._fd)

    def _forget(self, client: str) -> None:
        if self._pending:
            self._pending = [entry for entry in self._pending if entry[0].client != client]
            self._pending_bytes = sum(len(data) for _, data in self._pending)
            if not self._pending:
                self._loop.remove_writer(self._fd)

    # --- the end ---

    def when_finished(self, then: Callable[[], None]) -> None:
        """Have `then` called once `ended` is known: at once where it is already."""
        if self.ended:
            then()
        else:
            self._finished.append(then)

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
            finished, self._finished = self._finished, []
            for then in finished:  # before the viewers: with the last of them the ring may go
                then()
            for viewer in self.viewers[:]:
                viewer.notify()

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
