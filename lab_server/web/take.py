"""One recording in the making: what a terminal printed since it began, until it is written down.

Knows a bridge's ring and size, offsets and times. Doesn't know files, rows, or who consented (recorder.py). It only looks: the terminal
is read and its viewers are served as if nobody recorded. What it can't keep up with is missing, and marked.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field

from lab_server.web import cast
from lab_server.web.bridge import Bridge

AT_ONCE = 64 * 1024  # bytes taken at each look: with one every 50 ms as much as an unwatched terminal is read
WAITING = 1 << 20  # bytes that wait for the disk; beyond that nothing is taken, and the ring goes on without us
REJOIN = 16 * 1024  # bytes of the past with which it goes on after a gap


@dataclass(eq=False)
class Take:
    """`member` of class `of` is `learner`; `began` is of the running clock, `begun` of the one on the wall."""

    of: str
    member: str
    learner: str
    session: str
    bridge: Bridge
    began: float
    begun: float
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    events: list[cast.Event] = field(default_factory=list)
    waiting: int = 0  # bytes in `events`
    written: int = 0  # bytes of the file
    kept: bool = False  # there is a row
    gone: bool = False  # nothing of it is to be kept
    full: bool = False  # nothing more of it is to be written
    writer: cast.Writer = field(default_factory=cast.Writer)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)  # one writes it at a time
    at: float = 0.0  # seconds since it began, of the last look

    def __post_init__(self) -> None:
        self.offset = self.bridge.ring.end  # what was printed before isn't ours
        self.first = self.size = self.bridge.size

    def look(self, now: float) -> None:
        """Take what was printed since the last look."""
        if self.full or self.gone:
            return
        self.at = max(self.at, now - self.began)
        if self.bridge.size != self.size:
            self.size = self.bridge.size
            self.events.append((self.at, cast.SIZE, cast.size(*self.size)))
        ring = self.bridge.ring
        if self.waiting >= WAITING or self.offset == ring.end:
            return
        if self.offset < ring.start:
            here = self.bridge.rejoin(ring.end - REJOIN)
            self.events += [(self.at, cast.MARK, cast.gap(here - self.offset)), (self.at, cast.OUTPUT, cast.RESET)]
            self.offset = here
        taken = 0
        while taken < AT_ONCE and (data := ring.read(self.offset, AT_ONCE - taken)):  # twice where the ring wraps
            self.events.append((self.at, cast.OUTPUT, data))
            self.offset += len(data)
            taken += len(data)
        self.waiting += taken

    def take(self) -> list[cast.Event]:
        """What waits, to be written now."""
        events, self.events, self.waiting = self.events, [], 0
        return events
