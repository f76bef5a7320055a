"""Websocket frames (RFC 6455) as a server reads and writes them, without extensions. Pure: bytes in, messages out.

Knows the wire format and what a client must not send. Doesn't know sockets, nor what messages mean.
What is refused is refused as early as it is known: a frame that says it is too long is never waited for.
"""

from __future__ import annotations

import struct

from lab_server.web.protocol import CLOSE_TOO_BIG, Close

try:
    from websockets.speedups import apply_mask
except ImportError:  # a platform without its C code
    from websockets.utils import apply_mask

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WRONG, NO_UTF8 = 1002, 1007  # close codes
CLOSES = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}  # and 3000…4999
_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_MORE = (CONTINUED, b"")


class Violation(Exception):
    """The other side broke the protocol: the connection is to be closed like this, and nothing it sends is read any more."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.close = Close(code, reason)


class Frames:
    """A client's stream taken apart. `feed` what came, then call `next` until it is None."""

    __slots__ = ("_at", "_data", "_kind", "_most", "_parts")

    def __init__(self, most: int) -> None:
        self._most = most  # bytes of a message, whole or in fragments
        self._data: bytes | bytearray = b""
        self._at = 0  # what is before it in `_data` has been dealt with
        self._kind = CONTINUED  # of the message whose fragments are in `_parts`; CONTINUED: of none
        self._parts: bytearray | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits: neither part of a frame nor of a message."""
        return not self._data and self._parts is None

    def feed(self, data: bytes) -> None:
        if self._at == len(self._data):
            self._data, self._at = data, 0
            return
        if not isinstance(self._data, bytearray):
            self._data = bytearray(self._data)
        if self._at:
            del self._data[: self._at]
            self._at = 0
        self._data += data

    def next(self) -> tuple[int, bytes] | None:
        """(TEXT, BINARY, CLOSE, PING or PONG, payload), or (CONTINUED, b"") for a fragment whose message goes on.

        None when it takes more bytes. Raises Violation.
        """
        data, at = self._data, self._at
        have = len(data) - at
        if have < 2:
            return None
        first, size = data[at], data[at + 1]
        kind = first & 15
        if kind > PONG or BINARY < kind < CLOSE:
            raise Violation(WRONG, "That is no kind of frame.")
        if not size & _MASKED:
            raise Violation(WRONG, "A client's frames are masked.")
        size &= 127
        head = 6
        if size == 126:
            if have < 4:
                return None
            size, head = data[at + 2] << 8 | data[at + 3], 8
        elif size == 127:
            if have < 10:
                return None
            size, head = int.from_bytes(data[at + 2 : at + 10], "big"), 14
        if size > self._most - (len(self._parts) if kind == CONTINUED and self._parts else 0):
            raise Violation(CLOSE_TOO_BIG, f"A message has at most {self._most} bytes.")
        if first & _RESERVED:
            raise Violation(WRONG, "Reserved bits are set.")
        if kind >= CLOSE and (size > 125 or not first & _FINAL):
            raise Violation(WRONG, "A control frame is whole and short.")
        if kind < CLOSE and (kind == CONTINUED) != (self._kind != CONTINUED):
            raise Violation(WRONG, "Fragments are out of order.")
        if have < head + size:
            return None
        begin = at + head
        self._at = end = begin + size
        payload = apply_mask(data[begin:end], bytes(data[begin - 4 : begin])) if size else b""
        if end == len(data):
            self._data, self._at = b"", 0
        if first & _FINAL and kind != CONTINUED:
            return kind, payload
        return self._fragment(kind, payload, bool(first & _FINAL))

    def _fragment(self, kind: int, payload: bytes, final: bool) -> tuple[int, bytes]:
        if self._parts is None:
            self._kind, self._parts = kind, bytearray()
        self._parts += payload
        if not final:
            return _MORE
        whole = self._kind, bytes(self._parts)
        self._kind, self._parts = CONTINUED, None
        return whole


def key(data: bytes) -> bytes | None:
    """The payload where this is just one short binary frame, as a key typed is; None for anything else."""
    if 6 < len(data) < 132 and data[0] == _FINAL | BINARY and data[1] == _MASKED + len(data) - 6:
        return apply_mask(data[6:], data[2:6])
    return None


def head(kind: int, size: int) -> bytes:
    """What stands before a payload of `size` bytes that a server sends whole."""
    if size < 126:
        return bytes((_FINAL | kind, size))
    if size < 1 << 16:
        return struct.pack("!BBH", _FINAL | kind, 126, size)
    return struct.pack("!BBQ", _FINAL | kind, 127, size)


def close(why: Close) -> bytes:
    """The payload of a close frame."""
    return why.code.to_bytes(2, "big") + why.clipped().encode()


def closed(payload: bytes) -> int | None:
    """The code of a close frame's payload; None where it has none. Raises Violation."""
    if not payload:
        return None
    if len(payload) == 1:
        raise Violation(WRONG, "A close code has two bytes.")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise Violation(NO_UTF8, "The reason is no UTF-8.") from None
    code = int.from_bytes(payload[:2], "big")
    if code not in CLOSES and not 3000 <= code < 5000:
        raise Violation(WRONG, "There is no such close code.")
    return code
