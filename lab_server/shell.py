"""A sandbox's terminal in the terminal that `labs shell` was started in.

Knows raw mode, window sizes and the spawner's verbs. Doesn't know who makes the sandbox or why.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import termios
import time
import tty
from collections.abc import Callable

from lab_server.errors import LabError
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.contract import MAX_COLUMNS, MAX_ROWS

SESSION = "host"


def _size() -> tuple[int, int]:
    columns, rows = os.get_terminal_size(1)
    return min(MAX_COLUMNS, columns or 80), min(MAX_ROWS, rows or 24)


def run(client: SpawnerClient, sandbox: str) -> int:
    """Join file descriptors 0 and 1 to a new shell until it ends; its exit status."""
    opened = client.open(sandbox, SESSION, *_size())
    os.close(opened.ring)
    wake, woken = os.pipe()
    os.set_blocking(woken, False)
    before = termios.tcgetattr(0)
    handler = signal.signal(signal.SIGWINCH, lambda *_: None)
    wakeup = signal.set_wakeup_fd(woken)
    try:
        tty.setraw(0)
        _join(opened.fd, wake, lambda: client.resize(sandbox, SESSION, *_size()))
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGWINCH, handler)
        for fd in (wake, woken, opened.fd):
            os.close(fd)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        status = client.status(sandbox, SESSION)
        if not status["alive"]:
            return int(status["code"] or 0)
        time.sleep(0.05)
    return 0


def _join(fd: int, wake: int, resized: Callable[[], None]) -> None:
    os.set_blocking(fd, True)
    while True:
        readable, _, _ = select.select([0, fd, wake], [], [])
        if wake in readable:
            os.read(wake, 64)
            with contextlib.suppress(LabError):
                resized()
        if fd in readable:
            try:
                data = os.read(fd, 65536)
            except OSError:
                return
            if not data:
                return
            _write(1, data)
        if 0 in readable:
            typed = os.read(0, 65536)
            if not typed:
                return
            _write(fd, typed)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
