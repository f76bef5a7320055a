"""How long a lease lasts: idle time, time limit, extensions, and what counts as using a sandbox. Pure.

Knows seconds of a clock that nobody sets (time.monotonic), so a clock set a day ahead or back ends nothing. Doesn't know
learners, sandboxes, the store or what is done when the time is up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from lab_server.errors import Conflict

NEAR = 300.0  # seconds before its end that a learner is told, or half of a shorter term
AWAY_MOST = (
    600.0  # seconds without a server that count as time gone by; of a longer absence nobody knows how long it was
)
LEFT_LEAST = (
    300.0  # seconds that a lease has at the least after a restart, or once its terms got shorter: time to be told
)
LIMITS = ("idle", "limit", "extensions")  # what a class may say of its learners' sandboxes; the first two in minutes

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

    def within(self, classes: Sequence[Mapping[str, object]]) -> Terms:
        """These, as what the classes of a learner say makes them: the kindest of each counts, and none beyond these."""
        if not classes:
            return self
        idle = max(_shorter(self.idle, one.get("idle")) for one in classes)
        limit = max(_shorter(self.limit, one.get("limit")) for one in classes)
        often = max(min(self.extensions, _number(one.get("extensions"), self.extensions)) for one in classes)
        return Terms(0.0 if idle == math.inf else idle, 0.0 if limit == math.inf else limit, self.extension, int(often))

    def words(self, why: str) -> str:
        """Why a lease ended, in a sentence that fits a websocket's close frame."""
        if why == "idle":
            return f"Nobody typed in it for {span(self.idle)}."
        if why == "class":
            return "Your class has ended."
        return "Its time was up."


def _number(given: object, otherwise: float) -> float:
    return given if isinstance(given, (int, float)) else otherwise


def _shorter(host: float, minutes: object) -> float:
    """Seconds, of which inf is for ever."""
    return min(host or math.inf, 60.0 * _number(minutes, math.inf))


class End(NamedTuple):
    """`at` is of the running clock; `near` is the time from which on the learner is told."""

    at: float
    near: float
    why: Why


@dataclass(slots=True)
class Lasting:
    """The time of one lease. `active`: the last use, `begun`: since when its time counts, `least`: before which it doesn't end, since
    its terms got shorter; of the running clock."""

    terms: Terms
    active: float
    begun: float
    extended: int = 0
    used: bool = False  # since this server knows it
    least: float = -math.inf

    @classmethod
    def begin(cls, terms: Terms, now: float) -> Lasting:
        return cls(terms, now, now)

    @property
    def limit_at(self) -> float | None:
        """When its time is up; None: never."""
        return self.begun + self.terms.limit + self.extended * self.terms.extension if self.terms.limit else None

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
            made.begun = now + min(max(limit - away, LEFT_LEAST), most) - terms.limit - extended * terms.extension
        return made

    def become(self, terms: Terms, now: float) -> bool:
        """Have other terms from here on; whether they are. Nobody's end comes so soon that they couldn't be told."""
        if terms == self.terms:
            return False
        before, self.terms = self.end(), terms
        after = self.end()
        if after and after.at < now + LEFT_LEAST and (before is None or after.at < before.at):
            self.least = min(before.at, now + LEFT_LEAST) if before else now + LEFT_LEAST
        return True

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
            at = max(self.active + idle, self.least)
            return End(at, at - min(NEAR, idle / 2), "idle")
        if limit_at is not None:
            at = max(limit_at, self.least)
            return End(at, at - min(NEAR, self.terms.limit / 2), "limit")
        return None

    def left(self, now: float, terms: Terms | None = None) -> tuple[float | None, float | None]:
        """Seconds that are left of the idle time and of the limit, by its own terms or by these; None: for ever."""
        terms = terms or self.terms
        idle = self.active + terms.idle - now if terms.idle else None
        limit = self.begun + terms.limit + self.extended * terms.extension - now if terms.limit else None
        return idle, limit

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
            self.begun += max(0.0, self.least - (self.limit_at or 0.0))  # it is put off from where it was told to be
            self.extended += 1
        self.touch(now)

    def grant(self, now: float, seconds: float) -> None:
        """Put its ends off, however often that was done before: by whoever runs the class. It never has more left than one that is new
        and extended as often as may be."""
        if (limit_at := self.limit_at) is not None:
            self.begun += max(0.0, min(seconds, now + self.terms.whole - limit_at))
        self.touch(now)

    def pause(self, seconds: float) -> None:
        """Time in which nobody could use it doesn't count."""
        self.active += seconds
        self.begun += seconds
        self.least += seconds


def span(seconds: float) -> str:
    """A length of time in words: 90 minutes, 1 hour, 40 seconds."""
    for size, name in ((3600, "hour"), (60, "minute")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {name}{'' if seconds == size else 's'}"
    if seconds >= 120:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def times(count: int) -> str:
    return {0: "not once", 1: "once", 2: "twice"}.get(count, f"{count} times")
