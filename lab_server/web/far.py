"""How far a learner is in a class's lessons, and whether they may be stuck: what a tile says of it. Pure.

Knows sums over lessons and what a page tells. Doesn't know where either comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab_server.lessons.catalog import Lesson
from lab_server.web.room import Live
from lab_server.web.standings import Standing

FAILING = 3  # commands that failed one after the other: the learner may be stuck
HINTS = 3  # of one lesson: the same
SILENT = 300.0  # seconds without a sign of life while a page is open: the same


@dataclass(frozen=True)
class Far:
    """How far a learner is in the class's lessons. `passed` has a character a task, "1" for one that is passed."""

    tasks: tuple[int, int]
    share: int  # percent of everything there is to do; 100 where all lessons are complete, which needs no predictions
    complete: bool
    at: float | None
    passed: str


def stuck(live: Live, silent: float | None, complete: bool) -> str:
    """Why a learner may be stuck, or "". `silent`: for how many seconds, with a page open; None where nobody can tell."""
    if live.failing >= FAILING:
        return f"{live.failing} commands failed in a row"
    if live.hints >= HINTS:
        return f"asked for {live.hints} hints"
    if silent is not None and silent > SILENT and not complete:
        return f"silent for over {SILENT / 60:.0f} min"
    return ""


def far(standing: Standing, lessons: Sequence[Lesson]) -> Far:
    """The sums over a class's lessons."""
    sums = [standing.lessons[lesson.id] for lesson in lessons if lesson.id in standing.lessons]
    counts = [count for done, _ in sums for count in done.values()]
    some, every = sum(min(count) for count in counts), sum(count[1] for count in counts)
    complete = bool(sums) and all(complete for _, complete in sums)
    tasks = [done["tasks"] for done, _ in sums]
    passed = "".join(
        "1" if task.name in standing.passed.get(lesson.id, ()) else "0" for lesson in lessons for task in lesson.tasks
    )
    return Far(
        (sum(count[0] for count in tasks), sum(count[1] for count in tasks)),
        100 if complete else min(99, 100 * some // max(every, 1)),
        complete,
        standing.at,
        passed,
    )


NOTHING = Far((0, 0), 0, False, None, "")
IDLE = Live()
