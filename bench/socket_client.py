"""A websocket client (RFC 6455) for measuring: whole buffers at a time, so that the server is the one that is measured.

Knows frames, and a hook that is told each payload (to acknowledge). Doesn't know any peer's messages. Loopback only: no
TLS, no compression; the masking key is zero, which the RFC's framing allows and which masks nothing.
"""

from __future__ import annotations

import base64
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Mapping

BUFFER = 1 << 20
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Gone(Exception):
    """The connection ended, or didn't say in time what was waited for."""


def frame(kind: int, data: bytes) -> bytes:
    """One whole masked frame."""
    size = len(data)
    if size < 126:
        head = struct.pack("!BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", 0x80 | kind, 0x80 | 127, size)
    return head + bytes(4) + data


class Connection:
    """Blocking. `hear(kind, data, last)` is called with each piece of a payload, in order; `last` ends its frame."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self.hear: Callable[[int, memoryview, bool], None] | None = None
        self.payload = 0  # bytes of text and binary payload so far
        self._socket = socket.create_connection(("127.0.0.1", port), 20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(BUFFER)
        self._head = b""  # of a frame that was cut
        self._left, self._kind = 0, 0
        self._tail = b""
        self._ping = b""
        self._open(port, path, headers)

    def _open(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
        lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", f"Origin: http://127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            byte = self._socket.recv(1)  # not more: what follows is frames
            if not byte:
                break
            answer += byte
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise Gone(f"no websocket: {answer[:200]!r}")

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: int, data: bytes) -> None:
        self._socket.sendall(frame(kind, data))

    def until(self, mark: bytes, within: float = 60.0) -> float:
        """Read until `mark` was in the payload; seconds since the call. Raises Gone."""
        start = time.perf_counter()
        self._tail = b""
        while not self.step(mark, start + within - time.perf_counter()):
            pass
        return time.perf_counter() - start

    def drain(self, seconds: float, stop: int = -1) -> bool:
        """Read and throw away for so long, or until the descriptor `stop` is readable; whether it was."""
        end = time.perf_counter() + seconds
        watched = [self._socket.fileno(), *([stop] if stop >= 0 else [])]
        while (left := end - time.perf_counter()) > 0:
            readable = select.select(watched, [], [], left)[0]
            if stop in readable:
                return True
            if readable:
                self.step(b"", left)
        return False

    def step(self, mark: bytes, within: float) -> bool:
        """One read; whether the mark (which may be cut over two reads) was in it. Raises Gone."""
        self._socket.settimeout(max(within, 0.001))
        try:
            count = self._socket.recv_into(self._buffer)
        except TimeoutError:
            raise Gone(f"{mark!r} did not come in time") from None
        if not count:
            raise Gone("closed")
        return self._take(memoryview(self._buffer)[:count], mark)

    def _take(self, data: memoryview, mark: bytes) -> bool:
        found = False
        while len(data) or (self._left == 0 and self._head):
            if self._left == 0:
                data = self._header(data)
                if self._left == 0:
                    if not self._head:
                        self._empty()
                        continue
                    break  # the rest of the header is to come
            piece, data = data[: self._left], data[self._left :]
            if not len(piece):
                break
            self._left -= len(piece)
            found |= self._piece(piece, mark)
        return found

    def _header(self, data: memoryview) -> memoryview:
        """Take one frame's header; `_head` keeps it while it is cut."""
        have = self._head + bytes(data[: 10 - len(self._head)])
        size = have[1] & 127 if len(have) > 1 else 0
        need = 2 + {126: 2, 127: 8}.get(size, 0)
        if len(have) < need:
            self._head = have
            return data[len(data) :]
        used = need - len(self._head)
        self._head = b""
        if need > 2:
            size = int.from_bytes(have[2:need], "big")
        self._kind = have[0] & 15 or self._kind
        self._left = size
        return data[used:]

    def _empty(self) -> None:
        """A frame without a payload."""
        if self._kind == PING:
            self.send(PONG, b"")

    def _piece(self, piece: memoryview, mark: bytes) -> bool:
        if self._kind == CLOSE:
            raise Gone(f"closed: {bytes(piece)!r}")
        if self._kind == PING:
            self._ping += bytes(piece)
            if self._left == 0:
                self.send(PONG, self._ping)
                self._ping = b""
            return False
        self.payload += len(piece)
        found = False
        if mark:
            text = self._tail + bytes(piece)
            found = mark in text
            self._tail = b"" if found else text[-(len(mark) - 1) :] if len(mark) > 1 else b""
        if self.hear:
            self.hear(self._kind, piece, self._left == 0)
        return found

    def close(self) -> None:
        self._socket.close()
