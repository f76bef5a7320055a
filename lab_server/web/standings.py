"""How far each learner of a class is: counted when something changed, and remembered until then.

Knows stamps, sums and how much is read at once. A roster is asked for every few seconds by everybody who looks at it, while terminals
wait for the same loop: what didn't change isn't read again, and a whole class is read a few learners at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from lab_server.lessons.catalog import Catalog
from lab_server.store import members
from lab_server.store.members import Member, Stamp
from lab_server.web.tally import TASK, Done, Tally

AT_ONCE = 10  # learners whose records are read in one go
REMEMBERED = 50  # classes; the one that was longest not asked for is forgotten first

Sum = tuple[Done, bool]  # what is done, and whether the lesson is complete
_Known = tuple[Stamp, Sum, frozenset[str]]  # with the tasks that are passed


@dataclass(frozen=True)
class Standing:
    """A learner of a class. Lesson's id → (done, complete), for every lesson of it; `at` is their last activity in these, or None.

    `passed`: lesson's id → names of the tasks passed, where there are any.
    """

    member: Member
    lessons: Mapping[str, Sum]
    at: float | None
    passed: Mapping[str, frozenset[str]]


class Standings:
    def __init__(self, catalog: Catalog) -> None:
        self._tallies = {lesson.id: Tally(lesson) for lesson in catalog.lessons}
        self._nothing = {id: tally.count({}) for id, tally in self._tallies.items()}
        self._known: dict[str, dict[tuple[str, str], _Known]] = {}  # class → (member, lesson) → …

    async def of(self, at: AsyncConnection, of: str, there: Sequence[Member], lessons: Sequence[str]) -> list[Standing]:
        """In the order of `there`, the members of the class."""
        stamps = await members.stamps(at, of, lessons)
        before = self._known.pop(of, {})
        known = {key: before[key] for key, stamp in stamps.items() if key in before and before[key][0] == stamp}
        changed = sorted({member for member, _ in stamps.keys() - known.keys()})
        for start in range(0, len(changed), AT_ONCE):
            some = changed[start : start + AT_ONCE]
            for key, got in _by_lesson(await members.did(at, some, lessons)).items():
                if key in stamps:  # else it came after the stamps, and counts the next time
                    tally = self._tallies[key[1]]
                    passed = frozenset(name for name in tally.tasks if (TASK, name) in got)
                    known[key] = (stamps[key], tally.count(got), passed)
        self._known[of] = known
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        found: list[Standing] = []
        for start in range(0, len(there), AT_ONCE):
            found += [self._standing(member, lessons, known) for member in there[start : start + AT_ONCE]]
            await asyncio.sleep(0)
        return found

    def _standing(self, member: Member, lessons: Sequence[str], known: Mapping[tuple[str, str], _Known]) -> Standing:
        mine = {lesson: known[member.id, lesson] for lesson in lessons if (member.id, lesson) in known}
        sums = {lesson: mine[lesson][1] if lesson in mine else self._nothing[lesson] for lesson in lessons}
        passed = {lesson: names for lesson, (_, _, names) in mine.items() if names}
        return Standing(member, sums, max((stamp.last for stamp, _, _ in mine.values()), default=None), passed)


def _by_lesson(did: Mapping[str, Sequence[members.Brief]]) -> dict[tuple[str, str], dict[tuple[str, str], Any]]:
    """(member, lesson) → (kind, item) → outcome"""
    found: dict[tuple[str, str], dict[tuple[str, str], Any]] = {}
    for member, briefs in did.items():
        for brief in briefs:
            found.setdefault((member, brief.lesson), {})[brief.kind, brief.item] = brief.outcome
    return found
