"""Which connections there are, and whether somebody is at the other end of each.

Knows lines, and time. Doesn't know how one is asked or given up: that is the line's own.
"""

from __future__ import annotations

import asyncio

from lab_server.web.line import Line

ALIVE_EVERY = 20  # seconds between two pings; who has not said a thing since the last is gone


class Alive:
    """The lines there are, each asked every ALIVE_EVERY seconds whether somebody is there: a few at a time, by one timer."""

    def __init__(self) -> None:
        self._lines: list[set[Line]] = [set() for _ in range(ALIVE_EVERY)]
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None
        self.count = 0

    def add(self, line: Line) -> None:
        min(self._lines, key=len).add(line)
        self.count += 1
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(1, self._next)

    def discard(self, line: Line) -> None:
        for lines in self._lines:
            if line in lines:
                lines.remove(line)
                self.count -= 1

    def _next(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1, self._next) if self.count else None
        self.turn()

    def turn(self) -> None:
        """Ask the next of ALIVE_EVERY parts."""
        self._turn = (self._turn + 1) % ALIVE_EVERY
        for line in list(self._lines[self._turn]):
            line.check()
