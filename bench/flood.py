"""A terminal under `yes`: how much the server grows while nobody reads, and how soon Ctrl-C gets through.

That a key was answered is seen from the program itself: it is `yes` that must end, whatever is still under way on the screen.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Peer, Terminal
from bench.process import memory_kib

STALL = 8.0  # seconds without a read
PATIENCE = 5.0  # seconds for Ctrl-C
BUSY = 0.4  # seconds of reading at full speed before Ctrl-C
LINE = "y" * 90


@dataclass(frozen=True)
class Stalled:
    growth: float  # MiB, at its most within the STALL seconds
    interrupt: float | None  # milliseconds until `yes` was gone; None: not within PATIENCE


@contextmanager
def flood(terminal: Terminal, place: Path) -> Iterator[int]:
    """`yes` running in the terminal; a descriptor that is readable when it has ended (pidfd_open(2))."""
    file = place / f"yes-{time.monotonic_ns()}"
    terminal.type(f"sh -c 'echo $$ >{file}.new; mv {file}.new {file}; exec yes {LINE}'\r".encode())
    until = time.monotonic() + 20
    while not file.exists():
        if time.monotonic() > until:
            raise RuntimeError("`yes` did not start")
        time.sleep(0.005)
    pid = int(file.read_text())
    ended = os.pidfd_open(pid)
    try:
        yield ended
    finally:
        if not select.select([ended], [], [], 0)[0]:
            os.kill(pid, 9)
        os.close(ended)


def stalled(peer: Peer, place: Path) -> Stalled:
    """Nothing is read from the moment `yes` runs, not even after Ctrl-C."""
    terminal = peer.connect()
    try:
        before = most = memory_kib(peer.pids)
        with flood(terminal, place) as ended:
            end = time.monotonic() + STALL
            while time.monotonic() < end:
                time.sleep(0.5)
                most = max(most, memory_kib(peer.pids))
            if select.select([ended], [], [], 0)[0]:
                raise RuntimeError("`yes` ended by itself")
            start = time.perf_counter()
            terminal.type(b"\3")
            gone = bool(select.select([ended], [], [], PATIENCE)[0])
            took = (time.perf_counter() - start) * 1e3
        return Stalled((most - before) / 1024, took if gone else None)
    finally:
        terminal.close()


def reading(peer: Peer, place: Path) -> float | None:
    """Milliseconds until Ctrl-C ended `yes` while its output is read as fast as it comes; None: not within PATIENCE."""
    terminal = peer.connect()
    try:
        with flood(terminal, place) as ended:
            if terminal.connection.drain(BUSY, ended):
                raise RuntimeError("`yes` ended by itself")
            start = time.perf_counter()
            terminal.type(b"\3")
            gone = terminal.connection.drain(PATIENCE, ended)
            took = (time.perf_counter() - start) * 1e3
        return took if gone else None
    finally:
        terminal.close()
