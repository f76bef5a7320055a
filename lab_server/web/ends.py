"""When the ends of classes come that were announced.

Knows both clocks. Doesn't know what is done at an end (conduct.py). An end is written down as a time on the wall, which a class's state
goes by; while this server runs it counts down by the clock that nobody sets, so one set a day ahead ends no learner's work.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab_server.store.classes import Class
from lab_server.web import applies
from lab_server.web.clock import Clock


class Ends:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[str, tuple[float, float]] = {}  # class → its end on the wall, and by the running clock

    def left(self, of: Class) -> float | None:
        """Seconds until its end; None where none was announced."""
        end = applies.ending(of)
        if end is None:
            self._at.pop(of.id, None)
            return None
        at, running = end["at"], self._clock.running()
        if of.id not in self._at or self._at[of.id][0] != at:
            self._at[of.id] = at, running + min(max(at - self._clock.wall(), 0.0), end["seconds"])
        return max(0.0, self._at[of.id][1] - running)

    def told(self, of: Class) -> float | None:
        """Seconds until it ends, or closes by itself, where its learners are told so."""
        left = self.left(of)
        return round(left, 1) if left is not None else applies.closing(of, self._clock.wall())

    def keep(self, classes: Iterable[str]) -> None:
        """Forget those of others."""
        self._at = {id: self._at[id] for id in classes if id in self._at}
