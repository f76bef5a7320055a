"""What a class was taught and what its learners did: its lessons with how much there is in each, and records counted. Pure.

Knows lessons, members and records. Doesn't know the forms in which it is told (exports.py, xapi.py), the store, or who asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lab_server.lessons.catalog import Lesson
from lab_server.lessons.quizzes import Question, Quiz
from lab_server.store.classes import Class
from lab_server.store.members import Member
from lab_server.store.progress import Outcome, Record
from lab_server.web.tally import PREDICTION, QUESTION, STEP, TASK, Tally

GONE = "no longer in the course"


class Taught:
    """A lesson of the class. One that left the catalogue has its id for a title, and knows what was done in it, not how much there is."""

    def __init__(self, id: str, lesson: Lesson | None) -> None:
        self.id, self.lesson = id, lesson
        self.title = lesson.title if lesson else f"{id} ({GONE})"
        self.url = lesson.url if lesson else f"/{id}/"
        self.quizzes: tuple[Quiz, ...] = lesson.quizzes if lesson else ()
        self.questions: Mapping[str, Question] = {one.id: one for quiz in self.quizzes for one in quiz.questions}
        self.tasks: Mapping[str, str] = {task.name: task.title for task in lesson.tasks} if lesson else {}
        self._tally = Tally(lesson) if lesson else None
        self.all: Mapping[str, int] = (
            {kind: n for kind, (_, n) in self._tally.count({})[0].items()} if self._tally else {}
        )

    def count(self, records: Iterable[Record]) -> tuple[dict[str, int], bool]:
        """Of one learner's records in this lesson: {"steps": how many, …}, and whether the lesson is complete."""
        got = {(record.kind, record.item): record.outcome for record in records}
        if self._tally:
            done, complete = self._tally.count(got)
            counted = {kind: n for kind, (n, _) in done.items()}
            answered = [item for kind, item in got if kind == QUESTION and item in self.questions]
        else:
            kinds = [(STEP, "steps"), (TASK, "tasks"), (PREDICTION, "predictions")]
            counted = {name: sum(one == kind for one, _ in got) for kind, name in kinds}
            answered = [item for kind, item in got if kind == QUESTION]
            counted["questions"] = sum(got[QUESTION, item] is Outcome.RIGHT for item in answered)
            complete = False
        return counted | {"answered": len(answered)}, complete


@dataclass(frozen=True)
class Learner:
    """A member of the class, and what they did in its lessons."""

    member: Member
    records: Sequence[Record]

    def of(self, lesson: str) -> list[Record]:
        return [record for record in self.records if record.lesson == lesson]

    @property
    def last(self) -> float | None:
        return max((record.last for record in self.records), default=None)


def taught(of: Class, catalog: Sequence[Lesson], done: Iterable[str]) -> list[Taught]:
    """The class's lessons, in the catalogue's order, then those that left it. `done`: lessons in which its learners did something."""
    there = [lesson for lesson in catalog if not of.lessons or lesson.id in of.lessons]
    known = {lesson.id for lesson in catalog}
    gone = sorted({id for id in (of.lessons or done) if id not in known})
    return [Taught(lesson.id, lesson) for lesson in there] + [Taught(id, None) for id in gone]


def moment(seconds: float | None) -> str:
    """ISO 8601, in UTC; "" for none."""
    return (
        ""
        if seconds is None
        else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    )


def picked(question: Question | None, ids: Sequence[str]) -> list[str]:
    """The options as they read today; one that is no longer there by its id."""
    texts = {option.id: option.text for option in question.options} if question else {}
    return [texts.get(id, id) for id in ids]


def answers(learner: Learner, lessons: Sequence[Taught]) -> Iterable[tuple[Taught, Record, Question | None]]:
    """What a learner answered, in the lessons' order."""
    for lesson in lessons:
        for record in learner.of(lesson.id):
            if record.kind == QUESTION:
                yield lesson, record, lesson.questions.get(record.item)
