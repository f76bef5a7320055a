"""Many terminals of one peer at once, idle or busy, and somebody who reads what they say.

Knows peers. Doesn't know measurements. A connection that nobody reads is closed by a careful server: it answers no ping.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from types import TracebackType
from typing import Self

from bench.peers import Peer, Terminal
from bench.socket_client import Gone

# a line ten times a second, by the shell alone: a program or a fork each would be what is measured
TICKER = b"exec 3<> <(:); while :; do read -rt 0.1 -u 3; echo the quick brown fox jumps over the lazy dog; done\r"
SETTLE = 1.0  # seconds until all of them tick
PROMPT_WITHIN = 0.3  # seconds for a shell of a server that has nothing else to do
AGAIN = 5  # times in a row
ENDED_WITHIN = 300.0  # seconds for a server to be done with its shells; terminado waits for each, one after the other


class Crowd:
    """`with Crowd(peer, n) as crowd`: n terminals that have prompted. While they are opened, those before are read."""

    def __init__(self, peer: Peer, size: int) -> None:
        self.terminals: list[Terminal] = []
        self._poll = select.poll()
        self._by_descriptor: dict[int, Terminal] = {}
        self._reader = 0
        self._peer = peer
        try:
            while len(self.terminals) < size:
                self._add(peer.connect())
                self.tend(0)
        except BaseException:
            self.close()
            raise

    def _add(self, terminal: Terminal) -> None:
        self.terminals.append(terminal)
        self._by_descriptor[terminal.connection.fileno()] = terminal
        self._poll.register(terminal.connection.fileno(), select.POLLIN)

    def tend(self, seconds: float) -> None:
        """Read what they say, for so long (0: what is there). Raises Gone when one was closed."""
        end = time.monotonic() + seconds
        while True:
            left = max(0.0, end - time.monotonic())
            for descriptor, _ in self._poll.poll(left * 1000):
                self._by_descriptor[descriptor].connection.step(b"", 1)
            if not left:
                return

    def busy(self) -> None:
        """Have each of them print line after line, read by a process of its own from here on."""
        for terminal in self.terminals:
            terminal.type(TICKER)
            self.tend(0)
        self.tend(SETTLE)
        self._reader = os.fork()
        if self._reader == 0:
            with contextlib.suppress(BaseException):
                self.tend(3600)
            os._exit(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Raises Gone where the reader lost a connection, which would have made the others' life easier."""
        lost = False
        if self._reader:
            lost = os.waitpid(self._reader, os.WNOHANG)[0] != 0
            if not lost:
                os.kill(self._reader, signal.SIGKILL)
                os.waitpid(self._reader, 0)
            self._reader = 0
        for terminal in self.terminals:
            terminal.close()
        self.terminals.clear()
        self._settle()
        if lost:
            raise Gone("a busy terminal was closed by its server")

    def _settle(self) -> None:
        """Until their server answers at once again, as one does that is done with their shells: what comes next would be
        measured beside that."""
        until, prompt = time.monotonic() + ENDED_WITHIN, 0
        while prompt < AGAIN and time.monotonic() < until:
            began = time.monotonic()
            with contextlib.suppress(TimeoutError, Gone):
                self._peer.connect().close()
            prompt = prompt + 1 if time.monotonic() - began < PROMPT_WITHIN else 0
