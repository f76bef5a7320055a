"""One connection's place in a terminal's output: what is to be sent next, in which order, and when it has fallen behind.

Knows offsets into the ring and the messages around the bytes. Doesn't know what a connection is: whoever has one asks `next`
until there is nothing, and asks again when `notify` is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lab_server.web import protocol
from lab_server.web.protocol import MAX_BEHIND, Close

if TYPE_CHECKING:
    from lab_server.web.bridge import Bridge

CHUNK = 64 * 1024  # bytes of one frame
REJOIN = 64 * 1024  # bytes of the past that a viewer gets who fell out of the ring
TELL_ACCEPTED = 0.05  # seconds; input counts are told in batches

Out = memoryview | str | Close  # terminal bytes, a message, or: close the connection like this


def nobody() -> None:
    """What is called while no connection has asked to be."""


class Viewer:
    """Made by `Bridge.attach`. `notify` is the connection's: called whenever `next` may have something.

    `guest`: it looks on. The terminal is read as if it weren't there, however fast or slow it is.
    """

    __slots__ = (
        "_bridge",
        "_close",
        "_hello",
        "_pong",
        "_says",
        "_size",
        "_tell",
        "_told",
        "acked",
        "client",
        "guest",
        "notify",
        "offset",
        "telling",
    )

    def __init__(self, bridge: Bridge, client: str, offset: int, guest: bool = False) -> None:
        self.client, self.guest = client, guest
        self.offset = self.acked = offset
        self.notify: Callable[[], None] = nobody
        self.telling = False  # the bridge will call `tell`
        self._bridge = bridge
        self._close: Close | None = None
        self._pong = self._tell = False
        self._size: tuple[int, int] | None = None
        self._says: list[str] = []
        self._told = bridge.ring.accepted(client)
        self._hello: str | None = protocol.hello(bridge.name, offset, bridge.ring.end, self._told)

    @property
    def behind(self) -> int:
        """Bytes of output that this viewer has not acknowledged."""
        return self._bridge.ring.end - self.acked

    @property
    def ending(self) -> bool:
        """Whether the connection is about to be closed: then nothing more is taken from it either, or bytes would be skipped."""
        return self._close is not None

    def ack(self, output: int) -> None:
        self.acked = max(self.acked, min(output, self.offset))
        self.notify()
        self._bridge.reconsider()

    def pong(self) -> None:
        self._pong = True
        self.notify()

    def tell(self) -> None:
        self._tell = True
        self.notify()

    def resized(self, size: tuple[int, int]) -> None:
        """The terminal has this size, and not by this viewer: what is to come was written for it."""
        self._size = size
        self.notify()

    def say(self, text: str) -> None:
        """A text frame for this connection, before the output that waits."""
        self._says.append(text)
        self.notify()

    def end(self, close: Close) -> None:
        """Nothing more is sent: the connection is to be closed like this."""
        self._close = self._close or close
        self.notify()

    def next(self) -> Out | None:
        """What is to be sent now; None when there is nothing. A memoryview is good until control goes back to the loop."""
        if self._close:
            return self._close
        if self._hello:
            hello, self._hello = self._hello, None
            return hello
        if self._says:
            return self._says.pop(0)
        if self._size:
            size, self._size = self._size, None
            return protocol.size(*size)
        bridge, offset = self._bridge, self.offset
        ring = bridge.ring
        end = ring.end
        if offset < end:
            if offset < end - ring.capacity:
                self.offset = self.acked = bridge.rejoin(end - REJOIN)
                return protocol.gap(self.offset)
            if bridge.ended or offset - self.acked < MAX_BEHIND:
                data = ring.view(offset, CHUNK)
                self.offset = offset + len(data)
                return data
        if self._pong:
            self._pong = False
            return protocol.pong()
        if self._tell:
            self._tell = False
            if (total := ring.accepted(self.client)) != self._told:
                self._told = total
                return protocol.accepted(total)
        if bridge.ended and self.offset == end:
            self._close = bridge.ended[2]
            return protocol.exit(bridge.ended[0], bridge.ended[1])
        return None
