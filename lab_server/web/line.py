"""One websocket after its handshake, straight on its transport: no task, no queue, no framework.

Knows frames (frames.py), the transport and its back-pressure, how connections are closed, and when one is dead. Doesn't know what is
said on it: that is a `Talk`'s. Output goes from the ring's memory to the socket in one writev(2); what a socket doesn't take is
kept (one frame at most), and nothing more is asked for until it is gone.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast

import structlog

from lab_server.web import frames, protocol
from lab_server.web.frames import BINARY, CLOSE, PING, TEXT, Frames, Violation
from lab_server.web.guards import Pace
from lab_server.web.protocol import MAX_FRAME, Close

if TYPE_CHECKING:
    from lab_server.web.alive import Alive

log = structlog.get_logger()

CLOSE_WITHIN = 10.0  # seconds for the other side's half of a close
RESTART_WITHIN = 1.0  # the same, when the server stops


class Talk(Protocol):
    """What is said on a line. `next` and `notify` are a viewer's."""

    def next(self) -> memoryview | str | Close | None: ...
    def hear(self, data: bytes) -> None: ...
    def read(self, text: str) -> None: ...
    def check(self) -> None:
        """Called now and then."""

    def end(self) -> None:
        """Nothing more is said: called once, when the connection is closing or gone."""


class Line(asyncio.Protocol):
    """A websocket from the end of its handshake on. `connections` are the server's, out of which it goes when it is over."""

    __slots__ = (
        "_alive",
        "_blocked",
        "_closing",
        "_deaf",
        "_ends",
        "_fd",
        "_frames",
        "_heard",
        "_loop",
        "_next",
        "_pace",
        "_paused",
        "_talk",
        "_timer",
        "_transport",
        "code",
        "connections",
    )

    def __init__(self, talk: Talk, alive: Alive) -> None:
        self._talk: Talk | None = talk
        self._next = talk.next
        self._alive = alive
        self.code = 1006  # how the connection was closed; so long it wasn't
        self.connections: set[object] = set()
        self._ends: list[Callable[[], None]] = []
        self._frames = Frames(MAX_FRAME)
        self._pace = Pace()
        self._blocked = self._closing = self._deaf = self._paused = False
        self._heard = True
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def when_over(self, then: Callable[[], None]) -> None:
        """Have `then` called when the connection is gone: at once where it is already."""
        if self._transport.is_closing():
            then()
        else:
            self._ends.append(then)

    # --- the transport's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        socket = transport.get_extra_info("socket")
        plain = socket is not None and transport.get_extra_info("ssl_object") is None
        self._fd = socket.fileno() if plain else -1
        self._alive.add(self)

    def start(self, early: bytes) -> None:
        """The transport is ours; `early` came before it was."""
        # from here on `pause_writing` means: something is buffered
        self._transport.set_write_buffer_limits(high=0)
        self._blocked = self._transport.get_write_buffer_size() > 0
        self.flush()
        if early:
            self.data_received(early)

    def pause_writing(self) -> None:
        self._blocked = True

    def resume_writing(self) -> None:
        self._blocked = False
        self.flush()

    def eof_received(self) -> None:
        """A websocket has no use for half a connection: the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive.discard(self)
        self.connections.discard(self)
        self._stop()
        self._deaf = self._closing = True
        self._fd = -1  # the transport closes it after this call, and the number may be another connection's next
        if self._timer:
            self._timer.cancel()
            self._timer = None
        ends, self._ends = self._ends, []
        for then in ends:
            then()

    def shutdown(self) -> None:
        """The server stops (uvicorn asks for this by this name)."""
        self._close(Close(protocol.CLOSE_RESTARTING, "The server is restarting."), RESTART_WITHIN)

    # --- out ---

    def flush(self) -> None:
        """Send what there is to be sent, as far as the socket takes it."""
        try:
            while not self._blocked and not self._closing:
                out = self._next()
                if out is None:
                    return
                if isinstance(out, memoryview):
                    self._send(BINARY, out)
                elif isinstance(out, str):
                    self._send(TEXT, out.encode())
                else:
                    self._close(out)
        except Exception as why:
            self._broke(why)

    def _send(self, kind: int, payload: memoryview | bytes) -> None:
        size = len(payload)
        head = bytes((0x80 | kind, size)) if size < 126 else frames.head(kind, size)
        if self._blocked or self._fd < 0:
            self._transport.write(head + payload)
            return
        try:
            done = os.writev(self._fd, (head, payload))
        except BlockingIOError:
            done = 0
        except OSError:  # the other side is gone
            self._closing = True
            self._transport.abort()
            return
        if done < len(head) + size:  # a copy: the ring will come round to where the rest of it is
            self._transport.write((head + payload)[done:])
            self._blocked = self._transport.get_write_buffer_size() > 0

    # --- in ---

    def data_received(self, data: bytes) -> None:
        self._heard = True
        if self._talk and not self._paused and self._frames.idle and (typed := frames.key(data)):
            self._hear(self._talk, typed)  # the shortest way: the processor's caches are cold when a key comes
        elif not self._deaf:
            self._frames.feed(data)
            if not self._paused:
                self._take()

    def _hear(self, talk: Talk, typed: bytes) -> None:
        try:
            talk.hear(typed)
        except Exception as why:
            self._broke(why)
        if late := self._pace.late():
            self._wait(late)

    def _take(self) -> None:
        frames_, pace = self._frames, self._pace
        try:
            while not self._deaf and (message := frames_.next()) is not None:
                kind, payload = message
                if kind == BINARY:
                    if self._talk:
                        self._talk.hear(payload)
                elif kind == TEXT:
                    text = payload.decode()
                    if self._talk:
                        self._talk.read(text)
                elif kind == PING:
                    if not self._closing and not self._blocked:  # who reads nothing gets no more (RFC 6455, 5.5.3)
                        self._send(frames.PONG, payload)
                elif kind == CLOSE:
                    self._closed(payload)
                    return
                if late := pace.late():
                    self._wait(late)
                    return
        except UnicodeDecodeError:
            self._fail(Close(frames.NO_UTF8, "A text frame is no UTF-8."))
        except Violation as why:
            self._fail(why.close)
        except Exception as why:
            self._broke(why)

    def _wait(self, seconds: float) -> None:
        """Too much came: no more is read for so long."""
        self._paused = True
        if not self._transport.is_closing():
            self._transport.pause_reading()
        self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        if not self._transport.is_closing():
            self._transport.resume_reading()
            if not self._deaf:
                self._take()

    # --- the end ---

    def _stop(self) -> None:
        if self._talk:
            talk, self._talk = self._talk, None
            self._next = _nothing
            talk.end()

    def _close(self, why: Close, within: float | None = None) -> None:
        """Our half of a close; the connection ends with the other side's, or after so many seconds without it."""
        if self._closing:
            return
        self._send(CLOSE, frames.close(why))
        self._closing, self.code = True, why.code
        self._timer = self._loop.call_later(CLOSE_WITHIN if within is None else within, self._transport.abort)
        self._stop()

    def _closed(self, payload: bytes) -> None:
        """The other side closes, or answers our close."""
        code = frames.closed(payload)
        self._deaf = True
        if not self._closing:
            self._send(CLOSE, payload)
            self._closing, self.code = True, code or 1005
            self._timer = self._loop.call_later(CLOSE_WITHIN, self._transport.abort)
            self._stop()
        self._transport.close()

    def _fail(self, why: Close) -> None:
        """Close, and read no more than it takes for the other side to see why: what it sends is thrown away until it goes."""
        self._close(why)
        self._deaf = True
        self._frames = Frames(MAX_FRAME)  # let go of what is in it
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _broke(self, why: Exception) -> None:
        log.error("terminal broke", exc_info=why)
        self._close(Close(protocol.CLOSE_BROKEN, "The server broke."))

    def check(self) -> None:
        """Ask whether somebody is there; close where nobody has been since the last time."""
        if self._talk:
            self._talk.check()
        if self._paused or self._heard:
            self._heard = False
            if not self._closing and not self._blocked:
                self._send(PING, b"")
        else:
            self._transport.abort()


def _nothing() -> None:
    return None
