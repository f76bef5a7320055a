"""How long a lease lasts: idle time, time limit, extensions, and what counts as using a sandbox. Pure.

Knows seconds of a clock that nobody sets (time.monotonic), so a clock set a day ahead or back ends nothing. Doesn't know
learners, sandboxes, the store or what is done when the time is up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lab_server.errors import Conflict

NEAR = 300.0  # seconds before its end that a learner is told, or half of a shorter term
AWAY_MOST = (
    600.0  # seconds without a server that count as time gone by; of a longer absence nobody knows how long it was
)
LEFT_LEAST = 300.0  # seconds that a lease has at the least after a restart of the server: time to be told

Why = Literal["idle", "limit"]  # what can be foreseen; "class" comes from outside

# what a terminal sends by itself: answers to a program's questions (xterm, "Device Status Report" and on), and its focus
_ANSWERS = re.compile(
    rb"(?:\x1b\[[?>=]?[\d;]*(?:\$y|[Rcntu])|\x1b\[[IO]|\x1b[P\]^_][^\x07\x1b]*(?:\x07|\x1b\\))+",
)


def typed(data: bytes) -> bool:
    """Whether somebody typed this input of a terminal, and not the terminal itself: an open tab answers programs all night."""
    return not data.startswith(b"\x1b") or _ANSWERS.fullmatch(data) is None


@dataclass(frozen=True)
class Terms:
    """What leases are given, in seconds; `idle` and `limit`: 0 is for ever. `extensions`: how often `extension` is added."""

    idle: float = 0.0
    limit: float = 0.0
    extension: float = 0.0
    extensions: int = 0

    @property
    def whole(self) -> float:
        """The longest that one lasts, with all its extensions."""
        return self.limit + self.most * self.extension

    @property
    def most(self) -> int:
        """How often a limit can be put off."""
        return self.extensions if self.extension else 0

    def words(self, why: str) -> str:
        """Why a lease ended, in a sentence that fits a websocket's close frame."""
        if why == "idle":
            return f"Nobody typed in it for {span(self.idle)}."
        if why == "class":
            return "Your class has ended."
        return "Its time was up."


class End(NamedTuple):
    """`at` is of the running clock; `near` is the time from which on the learner is told."""

    at: float
    near: float
    why: Why


@dataclass
class Lasting:
    """The time of one lease. `active`: the last use, `limit_at`: when its time is up (None: never); of the running clock."""

    terms: Terms
    active: float
    limit_at: float | None
    extended: int = 0
    used: bool = False  # since this server knows it

    @classmethod
    def begin(cls, terms: Terms, now: float) -> Lasting:
        return cls(terms, now, now + terms.limit if terms.limit else None)

    @classmethod
    def resume(
        cls, terms: Terms, now: float, idle: float | None, limit: float | None, extended: int, away: float
    ) -> Lasting:
        """As it was when `idle` and `limit` seconds were left, `away` seconds ago by a clock that may have been set meanwhile."""
        away = min(max(away, 0.0), AWAY_MOST)
        made = cls.begin(terms, now)
        made.extended = extended
        if idle is not None and terms.idle:
            made.active = now - terms.idle + min(max(idle - away, LEFT_LEAST), terms.idle)
        if limit is not None and terms.limit:
            most = terms.whole
            made.limit_at = now + min(max(limit - away, LEFT_LEAST), most)
        return made

    @property
    def extendable(self) -> bool:
        """Whether the coming end can be put off."""
        end = self.end()
        return end is not None and (end.why == "idle" or self.extended < self.terms.most)

    @property
    def more(self) -> float:
        """Seconds that extending it now would add to its limit; 0 where that is not what ends it, or can't be done."""
        end = self.end()
        return self.terms.extension if end and end.why == "limit" and self.extendable else 0.0

    def end(self) -> End | None:
        """The next end; None: it has none."""
        idle, limit_at = self.terms.idle, self.limit_at
        if idle and (limit_at is None or self.active + idle <= limit_at):
            at = self.active + idle
            return End(at, at - min(NEAR, idle / 2), "idle")
        if limit_at is not None:
            return End(limit_at, limit_at - min(NEAR, self.terms.limit / 2), "limit")
        return None

    def left(self, now: float) -> tuple[float | None, float | None]:
        """Seconds that are left of the idle time and of the limit; None: for ever."""
        idle = self.active + self.terms.idle - now if self.terms.idle else None
        return idle, None if self.limit_at is None else self.limit_at - now

    def touch(self, now: float) -> None:
        """It is used."""
        self.active, self.used = max(self.active, now), True

    def extend(self, now: float) -> None:
        """Put the coming end off. Raises Conflict where that was done as often as may be."""
        end = self.end()
        if end and end.why == "limit":
            if self.extended >= self.terms.most:
                often = "" if not self.terms.most else f": that was done {times(self.terms.most)}"
                raise Conflict(
                    f"The time of this sandbox can't be extended any more{often}.",
                    "Copy what you need out of it; when it has ended you can start a new one. Your progress is kept.",
                )
            assert self.limit_at is not None
            self.limit_at += self.terms.extension
            self.extended += 1
        self.touch(now)

    def grant(self, now: float, seconds: float) -> None:
        """Put its ends off, however often that was done before: by whoever runs the class. It never has more left than one that is new
        and extended as often as may be."""
        if self.limit_at is not None:
            self.limit_at = max(self.limit_at, min(self.limit_at + seconds, now + self.terms.whole))
        self.touch(now)

    def pause(self, seconds: float) -> None:
        """Time in which nobody could use it doesn't count."""
        self.active += seconds
        if self.limit_at is not None:
            self.limit_at += seconds


def span(seconds: float) -> str:
    """A length of time in words: 90 minutes, 1 hour, 40 seconds."""
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {name}{'' if seconds == size else 's'}"
    if seconds >= 120:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
