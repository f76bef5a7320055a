"""A network between a client and the server that can go away: a TCP proxy on loopback, with a switch.

Knows sockets. Doesn't know HTTP or websockets. In the ways in which networks go:
    cut     every connection is reset, and new ones are refused
    hole    nothing gets through either way, and nobody is told: connections stay, new ones are taken and lead nowhere
What was in a hole is lost, as it is when a laptop comes back on another network: the client's end is reset then, and the
server is not told (`stale`).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from types import TracebackType
from typing import Self

AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class Proxy:
    """Use it as a context manager. `origin` is where it listens."""

    def __init__(self, origin: str) -> None:
        host, _, port = origin.rpartition("/")[2].partition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = int(self._listener.getsockname()[1])
        self.origin = f"http://127.0.0.1:{self._port}"
        self._lock = threading.Lock()
        self._through = threading.Event()
        self._through.set()
        self._pairs: set[tuple[socket.socket, ...]] = set()
        self.stale: list[socket.socket] = []  # the server's ends of connections that ended in a hole
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._through.set()
        self.cut()
        for end in self.stale:
            end.close()

    # --- the switch ---

    def cut(self) -> None:
        self._listener.close()
        for ends in self._taken():
            for end in ends:
                _reset(end)

    def mend(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def hole(self) -> None:
        self._through.clear()

    def fill(self) -> None:
        for near, *far in self._taken():
            _reset(near)
            self.stale += far
        self._through.set()

    # --- the wires ---

    def _taken(self) -> set[tuple[socket.socket, ...]]:
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        return pairs

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        if not self._through.is_set():
            with self._lock:
                self._pairs.add((near,))  # to be reset with the others
            return
        try:
            far = socket.create_connection(self._target)
        except OSError:
            near.close()
            return
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (near, far)
        with self._lock:
            self._pairs.add(pair)
        try:
            self._pump(near, far)
        except (OSError, ValueError):  # reset by the other side, or closed by the switch
            pass
        finally:
            with self._lock:
                ours = pair in self._pairs
                self._pairs.discard(pair)
            if ours:
                near.close()
                far.close()

    def _pump(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        while True:
            for end in select.select([near, far], [], [], 0.5)[0]:
                if not self._through.wait(0.1):
                    continue  # what came in stays where it is
                data = end.recv(65536)
                if not data:
                    return
                other[end].sendall(data)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    end.close()
