"""Sandboxes that are ready before anybody wants them: as many as came lately, made in the background.

Knows who came when, by template, and what is ready. Doesn't know learners, drivers, or how full the host is: it is handed a
way to make one and a way to ask for room. What it hands out is the taker's alone and never comes back: nobody gets a used one.

One thread makes and unmakes them, one at a time, and gives way: not while somebody's sandbox is being made, nor just after,
and never for more than half of the time. (A thread's niceness would be inherited by the sandbox, so it can't be that.)
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab_server.errors import LabError
from lab_server.sandbox.contract import Sandbox

RECENT = 300.0  # seconds for which somebody who came counts
SETTLE = 0.25  # seconds of quiet after somebody came
TICK = 5.0  # seconds between two looks at what is wanted
LOOK = 30.0  # seconds between two looks at whether the ready ones live
BACK_OFF = (1.0, 60.0)  # seconds before the next try after a failure: the first, and the longest


@dataclass
class _Making:
    """One under way. `promised`: somebody waits for it already."""

    template: str
    promised: bool = False
    over: bool = False
    sandbox: Sandbox | None = None


class Pool:
    """`make(template)` gives a sandbox of nobody's; `room(ready)` says how many may be ready now, where `ready` are.

    With `most` 0 nothing is ever made, and `take` never has one.
    """

    def __init__(
        self,
        make: Callable[[str], Sandbox],
        room: Callable[[int], int],
        most: int,
        *,
        first: str = "default",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make, self._room, self._most, self._clock = make, room, most, clock
        self._changed = threading.Condition()
        self._ready: dict[str, deque[Sandbox]] = {}
        self._ended: list[Sandbox] = []  # to be destroyed
        self._making: _Making | None = None
        self._came: deque[tuple[float, str]] = deque()
        self._last = first  # the template that is wanted where nobody came lately
        self._busy = 0  # sandboxes of learners that are being made
        self._not_before = 0.0
        self._failures = 0
        self._looked = clock()
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def on(self) -> bool:
        return self._most > 0

    def start(self) -> None:
        """Begin to make them. To be called once, when the driver is ready."""
        with self._changed:
            if self.on and not self._closed:
                self._thread = threading.Thread(target=self._run, name="pool", daemon=True)
                self._thread.start()

    def count(self) -> int:
        """How many are ready."""
        with self._changed:
            return sum(map(len, self._ready.values()))

    # --- for whoever wants one ---

    def came(self, template: str) -> None:
        """Somebody wants one of these, whether or not it is ready."""
        with self._changed:
            self._came.append((self._clock(), template))
            self._last = template
            self._settle()

    def take(self, template: str) -> Sandbox | None:
        """One that lives, the caller's alone from here on; None where none is. One that is being made is waited for, by one caller."""
        while (sandbox := self._pop(template)) is not None:
            if _lives(sandbox):
                return sandbox
            self.discard(sandbox)
        return None

    def _pop(self, template: str) -> Sandbox | None:
        with self._changed:
            if ready := self._ready.get(template):
                return ready.popleft()
            making = self._making
            if making is None or making.promised or making.template != template:
                return None
            making.promised = True
            self._changed.wait_for(lambda: making.over)
            return making.sandbox

    def discard(self, sandbox: Sandbox) -> None:
        """Destroy it, soon; at once where there is no thread for it."""
        with self._changed:
            if self._thread is not None and not self._closed:
                self._ended.append(sandbox)
                self._changed.notify_all()
                return
        _destroy(sandbox)

    @contextlib.contextmanager
    def way(self) -> Iterator[None]:
        """While a learner's sandbox is being made nothing is begun here."""
        with self._changed:
            self._busy += 1
        try:
            yield
        finally:
            with self._changed:
                self._busy -= 1
                self._settle()

    def shrink(self, most: int) -> None:
        """No more than so many, also of those being made: their places are needed. Returns when they are gone. Inside `way` only."""
        while True:
            with self._changed:
                making = self._making
                under_way = making is not None and not making.promised
                if sum(map(len, self._ready.values())) + under_way <= max(most, 0):
                    return
                if not any(self._ready.values()):
                    self._changed.wait()  # for the end of that one
                    continue
                sandbox = max(self._ready.values(), key=len).popleft()
            _destroy(sandbox)

    def close(self) -> None:
        """Destroy all that is here. What is being made is waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread:
            thread.join()
        with self._changed:
            left = [*self._ended, *(one for ready in self._ready.values() for one in ready)]
            self._ended, self._ready = [], {}
        for sandbox in left:
            _destroy(sandbox)

    def _settle(self) -> None:
        self._not_before = max(self._not_before, self._clock() + SETTLE)
        self._changed.notify_all()

    # --- the thread ---

    def _run(self) -> None:
        while True:
            room = self._room(self.count())
            with self._changed:
                if self._closed:
                    return
                ended, self._ended = self._ended + self._surplus(room), []
                making = None if ended else self._next(room)
                if not ended and making is None and self._clock() - self._looked < LOOK:
                    self._changed.wait(self._pause())
                    continue
                self._making = making
            for sandbox in ended:
                _destroy(sandbox)
            if making:
                self._fill(making)
            elif not ended:
                self._look()

    def wanted(self, room: int) -> dict[str, int]:
        """How many of each template should be ready: as many as came lately, one at the least, `room` at the most."""
        since = self._clock() - RECENT
        while self._came and self._came[0][0] < since:
            self._came.popleft()
        counts = Counter(template for _, template in self._came) or Counter({self._last: 1})
        left, found = max(0, min(self._most, room)), {}
        for template, count in counts.most_common():
            found[template] = min(count, left)
            left -= found[template]
        return found

    def _surplus(self, room: int) -> list[Sandbox]:
        wanted, found = self.wanted(room), []
        for template, ready in self._ready.items():
            while len(ready) > wanted.get(template, 0):
                found.append(ready.popleft())
        return found

    def _next(self, room: int) -> _Making | None:
        if self._busy or self._clock() < self._not_before:
            return None
        for template, count in self.wanted(room).items():
            if len(self._ready.get(template, ())) < count:
                return _Making(template)
        return None

    def _pause(self) -> float:
        soon = self._not_before - self._clock()
        return soon if 0 < soon < TICK and not self._busy else TICK

    def _fill(self, making: _Making) -> None:
        begun = self._clock()
        try:
            made = self._make(making.template)
        except Exception as why:  # whatever a driver raises: those who come have theirs made as without a pool
            made = None
            if not self._failures:
                told = str(why) if isinstance(why, LabError) else repr(why)
                print(f"spawner: no sandbox could be made in advance: {told}", file=sys.stderr, flush=True)
        with self._changed:
            now = self._clock()
            self._failures = 0 if made else self._failures + 1
            pause = now - begun if made else min(BACK_OFF[1], BACK_OFF[0] * 2 ** min(self._failures - 1, 10))
            self._not_before = max(self._not_before, now + pause)
            making.sandbox, making.over, self._making = made, True, None
            if made and not making.promised:
                self._ready.setdefault(making.template, deque()).append(made)
            self._changed.notify_all()

    def _look(self) -> None:
        """Take out those that died."""
        with self._changed:
            self._looked = self._clock()
            known = [(ready, sandbox) for ready in self._ready.values() for sandbox in ready]
        for ready, sandbox in known:
            if not _lives(sandbox):
                with self._changed:
                    if sandbox in ready:  # else somebody took it, and found that out too
                        ready.remove(sandbox)
                        self._ended.append(sandbox)


def _lives(sandbox: Sandbox) -> bool:
    try:
        return sandbox.alive()
    except Exception:  # whose state can't be told is not handed out
        return False


def _destroy(sandbox: Sandbox) -> None:
    try:
        sandbox.destroy()
    except Exception as why:  # the others are to go all the same; the driver's own close looks again
        print(f"spawner: a sandbox made in advance could not be destroyed: {why!r}", file=sys.stderr, flush=True)
