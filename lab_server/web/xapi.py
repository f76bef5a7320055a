"""What a class did, as statements of xAPI 1.0.3, for a learning record store. Pure.

Knows the specification's parts of a statement and ADL's words. Doesn't know the store, HTTP, or who asks. Verbs: attempted and completed
(a lesson), passed (a task), answered (a question), passed or failed (a quiz, once all of it is answered).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from lab_server.store.classes import Class
from lab_server.store.members import Member
from lab_server.store.progress import Outcome, Record
from lab_server.web.exports import List
from lab_server.web.tally import QUESTION, TASK
from lab_server.web.taught import Learner, Taught, moment

Json = dict[str, Any]

VERBS = "http://adlnet.gov/expapi/verbs/"
KINDS = "http://adlnet.gov/expapi/activities/"


class Xapi(List):
    """A list of statements. A statement's id is made of all that it says: the same one again is the same, and another never has it."""

    def __init__(self, of: Class, lessons: Sequence[Taught], origin: str) -> None:
        super().__init__()
        self.lessons, self._origin = lessons, origin
        self._class = _activity(f"{origin}/room/{of.id}", of.title, "course")

    def begin(self) -> str:
        return "["

    def some(self, learners: Sequence[Learner]) -> str:
        return self._items(
            told for learner in learners for lesson in self.lessons for told in self._statements(learner, lesson)
        )

    def end(self) -> str:
        return "\n]\n"

    def _statements(self, learner: Learner, lesson: Taught) -> Iterable[Json]:
        mine = learner.of(lesson.id)
        if not mine:
            return
        address = self._origin + lesson.url
        object_ = _activity(address, lesson.title, "lesson")

        def say(verb: str, about: Json, result: Json, at: float, parent: Json | None = object_) -> Json:
            return self._statement(learner.member, verb, about, result, at, parent)

        done, complete = lesson.count(mine)
        last = max(record.last for record in mine)
        score = _score(sum(done[kind] for kind in lesson.all), sum(lesson.all.values()))
        yield say("attempted", object_, {"completion": complete} | score, min(record.first for record in mine), None)
        if complete:
            yield say("completed", object_, {"completion": True} | score, last, None)
        for record in mine:
            if record.kind == TASK:
                title = lesson.tasks.get(record.item, record.item)
                about = _activity(f"{address}#task-{record.item}", title, "performance")
                yield say("passed", about, {"success": True, "completion": True}, record.first)
            elif record.kind == QUESTION:
                yield say("answered", self._question(address, lesson, record.item), self._answered(record), record.last)
        for quiz in lesson.quizzes:
            ids = {question.id for question in quiz.questions}
            got = [record for record in mine if record.kind == QUESTION and record.item in ids]
            if ids and len(got) == len(ids):  # before that it is neither passed nor failed
                right = sum(record.outcome is Outcome.RIGHT for record in got)
                result = {"success": right == len(ids)} | _score(right, len(ids))
                about = _activity(f"{address}#{quiz.id}", f"{lesson.title}: quiz", "assessment")
                yield say(
                    "passed" if right == len(ids) else "failed", about, result, max(record.last for record in got)
                )

    @staticmethod
    def _question(address: str, lesson: Taught, id: str) -> Json:
        question = lesson.questions.get(id)
        about = _activity(f"{address}#question-{id}", question.text if question else id, "cmi.interaction")
        options = question.options if question else ()
        choices = [{"id": option.id, "description": {"en": option.text}} for option in options]
        about["definition"] |= {"interactionType": "choice"} | ({"choices": choices} if choices else {})
        return about

    def _answered(self, record: Record) -> Json:
        tries = {f"{self._origin}/xapi/tries": record.tries}
        response = "[,]".join(record.detail.get("picked", []))
        return {"success": record.outcome is Outcome.RIGHT, "response": response, "extensions": tries}

    def _statement(self, member: Member, verb: str, about: Json, result: Json, at: float, parent: Json | None) -> Json:
        around: Json = {"grouping": [self._class]} | ({"parent": [parent]} if parent else {})
        said = {
            "actor": {
                "objectType": "Agent",
                "name": member.name,
                "account": {"homePage": self._origin, "name": member.id},
            },
            "verb": {"id": VERBS + verb, "display": {"en": verb}},
            "object": about,
            "result": result,
            "context": {"contextActivities": around},
            "timestamp": moment(at),
        }
        return {"id": str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(said, sort_keys=True)))} | said


def _activity(id: str, name: str, kind: str) -> Json:
    return {"objectType": "Activity", "id": id, "definition": {"name": {"en": name}, "type": KINDS + kind}}


def _score(raw: int, most: int) -> Json:
    return {"score": {"scaled": round(raw / most, 4), "raw": raw, "min": 0, "max": most}} if most else {}
