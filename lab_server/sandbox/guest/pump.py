"""Moves bytes between terminals and their connections, all in one thread, with little in between.

Knows descriptors and epoll(7). Doesn't know whose they are. Small buffers are the point: what is under way when a
learner presses Ctrl-C is what they must wait for.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from dataclasses import dataclass

CHUNK = 16 * 1024
INPUT = 64 * 1024  # bytes a terminal has not taken yet, before its connection is no longer read


@dataclass
class _Line:
    terminal: int
    connection: socket.socket
    outward: bytes = b""  # read from the terminal, not yet sent
    inward: bytes = b""  # received, not yet taken by the terminal
    ended: bool = False  # the shell is gone; what is in `outward` still goes out


class Pump:
    """Add lines from any thread; `run` moves them until the process ends."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._lines: dict[int, _Line] = {}  # by both descriptors
        self._masks: dict[int, int] = {}
        self._lock = threading.Lock()

    def add(self, terminal: int, connection: socket.socket) -> None:
        """Both are the pump's from here on: it closes them when either ends."""
        os.set_blocking(terminal, False)
        connection.setblocking(False)
        line = _Line(terminal, connection)
        with self._lock:
            for fd in (terminal, connection.fileno()):
                self._lines[fd] = line
                self._masks[fd] = select.EPOLLIN
                self._epoll.register(fd, select.EPOLLIN)

    def run(self) -> None:
        while True:
            for fd, events in self._epoll.poll():
                with self._lock:
                    line = self._lines.get(fd)
                    if line is not None:
                        try:
                            self._move(line, fd, events)
                        except OSError:
                            self._drop(line)

    def _move(self, line: _Line, fd: int, events: int) -> None:
        if fd == line.terminal:
            if events & select.EPOLLOUT:
                self._into_terminal(line)
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not line.outward:
                self._out_of_terminal(line)
        else:
            if events & select.EPOLLOUT:
                self._send(line)
            if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                data = line.connection.recv(CHUNK)
                if not data:
                    self._drop(line)
                    return
                line.inward += data
                self._into_terminal(line)
        self._watch(line)

    def _out_of_terminal(self, line: _Line) -> None:
        try:
            data = os.read(line.terminal, CHUNK)
        except BlockingIOError:
            return
        except OSError:  # EIO: the last process that had the terminal open is gone
            data = b""
        line.ended = not data
        line.outward += data
        self._send(line)

    def _send(self, line: _Line) -> None:
        if line.outward:
            with contextlib.suppress(BlockingIOError):
                line.outward = line.outward[line.connection.send(line.outward) :]
        if line.ended and not line.outward:
            self._drop(line)

    def _into_terminal(self, line: _Line) -> None:
        if line.inward:
            with contextlib.suppress(BlockingIOError):
                line.inward = line.inward[os.write(line.terminal, line.inward) :]

    def _watch(self, line: _Line) -> None:
        if line.terminal not in self._lines:
            return
        terminal = 0 if line.outward or line.ended else select.EPOLLIN
        if line.inward:
            terminal |= select.EPOLLOUT
        connection = select.EPOLLIN if len(line.inward) < INPUT else 0
        if line.outward:
            connection |= select.EPOLLOUT
        self._set(line.terminal, terminal)
        self._set(line.connection.fileno(), connection)

    def _set(self, fd: int, mask: int) -> None:
        """An empty mask is unregistered: a hang-up is told whatever the mask, again and again."""
        if self._masks.get(fd) == mask:
            return
        if mask == 0:
            self._epoll.unregister(fd)
        elif self._masks.get(fd):
            self._epoll.modify(fd, mask)
        else:
            self._epoll.register(fd, mask)
        self._masks[fd] = mask

    def _drop(self, line: _Line) -> None:
        for fd in (line.terminal, line.connection.fileno()):
            self._lines.pop(fd, None)
            if self._masks.pop(fd, 0):
                with contextlib.suppress(OSError):
                    self._epoll.unregister(fd)
        os.close(line.terminal)
        line.connection.close()
