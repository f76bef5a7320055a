"""What a class did (taught.py), as files: CSV for spreadsheets, and JSON. Pure. Statements as xAPI has them are in xapi.py.

Knows lessons, members and records, and each format's ways. Doesn't know the store, HTTP, or who asks. A file is made a few learners
at a time: `begin`, then `some` as often as it takes, then `end`. Of a person there is the nickname and the member's id, nothing else.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from lab_server.lessons.quizzes import Question
from lab_server.store.classes import Class
from lab_server.store.progress import Outcome, Record
from lab_server.web.tally import TASK
from lab_server.web.taught import GONE, Learner, Taught, answers, moment, picked

Json = dict[str, Any]

BOM = "\ufeff"  # without it Excel reads UTF-8 as something else
# what makes a cell a formula (OWASP, CSV injection), also in full width
FORMULA = tuple("=+-@\t\r\n＝＋－＠")


class Form(Protocol):
    """A file in the making."""

    media: str

    def begin(self) -> str: ...
    def some(self, learners: Sequence[Learner]) -> str: ...
    def end(self) -> str: ...


def safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


# --- CSV (RFC 4180) ---


class _Csv:
    """Every text is quoted, whatever separator the reader goes by; numbers are numbers."""

    media = "text/csv; charset=utf-8"

    def __init__(self, of: Class, lessons: Sequence[Taught], names: Iterable[str]) -> None:
        self.of, self.lessons = of, lessons
        self._names = names

    def begin(self) -> str:
        head = self._rows([self.head()])
        texts = [
            head,
            *self._names,
            *(option.text for lesson in self.lessons for one in lesson.questions.values() for option in one.options),
        ]
        texts += [one.text for lesson in self.lessons for one in lesson.questions.values()]
        return head if all(text.isascii() for text in texts) else BOM + head

    def head(self) -> list[str]:
        raise NotImplementedError

    def end(self) -> str:
        return ""

    @staticmethod
    def _rows(rows: Iterable[Sequence[str | int]]) -> str:
        out = io.StringIO()
        writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writerows([safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
        return out.getvalue()


class LearnersCsv(_Csv):
    """A row a learner; for each lesson what is done of its steps, tasks, questions, predictions, where it has any."""

    COLUMNS = (
        ("steps", "steps"),
        ("tasks", "tasks"),
        ("answered", "questions answered"),
        ("questions", "right answers"),
        ("predictions", "predictions"),
    )

    def head(self) -> list[str]:
        titles = [lesson.title for lesson in self.lessons]
        named = [
            lesson.title if titles.count(lesson.title) == 1 else f"{lesson.title} ({lesson.id})"
            for lesson in self.lessons
        ]
        cells = ["name", "id", "joined", "last active"]
        for lesson, name in zip(self.lessons, named, strict=True):
            cells += [f"{name}: {words}{self._of(lesson, key)}" for key, words in self._columns(lesson)]
            cells.append(f"{name}: complete")
        return cells

    def some(self, learners: Sequence[Learner]) -> str:
        return self._rows(self._row(learner) for learner in learners)

    def _row(self, learner: Learner) -> list[str | int]:
        member = learner.member
        cells: list[str | int] = [member.name, member.id, moment(member.joined), moment(learner.last)]
        for lesson in self.lessons:
            done, complete = lesson.count(learner.of(lesson.id))
            cells += [done[key] for key, _ in self._columns(lesson)]
            cells.append("yes" if complete else "no")
        return cells

    def _columns(self, lesson: Taught) -> list[tuple[str, str]]:
        return [(key, words) for key, words in self.COLUMNS if lesson.lesson is None or lesson.all[_of_all(key)]]

    @staticmethod
    def _of(lesson: Taught, key: str) -> str:
        return f" of {lesson.all[_of_all(key)]}" if lesson.lesson else ""


def _of_all(key: str) -> str:
    return "questions" if key == "answered" else key


class QuestionsCsv(_Csv):
    """A row for each question that a learner answered."""

    def head(self) -> list[str]:
        return [
            "name",
            "id",
            "lesson",
            "lesson id",
            "question",
            "question id",
            "picked",
            "right",
            "tries",
            "first",
            "last",
        ]

    def some(self, learners: Sequence[Learner]) -> str:
        return self._rows(
            self._row(learner, *found) for learner in learners for found in answers(learner, self.lessons)
        )

    @staticmethod
    def _row(learner: Learner, lesson: Taught, record: Record, question: Question | None) -> list[str | int]:
        texts = picked(question, record.detail.get("picked", []))
        return [
            learner.member.name,
            learner.member.id,
            lesson.title,
            lesson.id,
            question.text if question else f"({GONE})",
            record.item,
            " | ".join(texts),
            "yes" if record.outcome is Outcome.RIGHT else "no",
            record.tries,
            moment(record.first),
            moment(record.last),
        ]


# --- JSON ---


class List:
    """A JSON document that ends with a list, an item a line."""

    media = "application/json"

    def __init__(self) -> None:
        self._first = True

    def _items(self, items: Iterable[Json]) -> str:
        out = []
        for item in items:
            out.append(("\n" if self._first else ",\n") + json.dumps(item, ensure_ascii=False))
            self._first = False
        return "".join(out)


class LearnersJson(List):
    """{"class", "exported", "lessons", "learners"}"""

    def __init__(self, of: Class, lessons: Sequence[Taught], now: float) -> None:
        super().__init__()
        self.of, self.lessons, self._now = of, lessons, now

    def begin(self) -> str:
        lessons = [
            {"id": one.id, "title": one.title, "url": one.url, "there": one.lesson is not None, "all": one.all}
            for one in self.lessons
        ]
        about = {"class": {"id": self.of.id, "title": self.of.title}, "exported": moment(self._now), "lessons": lessons}
        return json.dumps(about, ensure_ascii=False)[:-1] + ', "learners": ['

    def some(self, learners: Sequence[Learner]) -> str:
        return self._items(self._learner(learner) for learner in learners)

    def end(self) -> str:
        return "\n]}\n"

    def _learner(self, learner: Learner) -> Json:
        member = learner.member
        lessons, tasks = {}, []
        for lesson in self.lessons:
            mine = learner.of(lesson.id)
            done, complete = lesson.count(mine)
            lessons[lesson.id] = {"done": done, "complete": complete}
            passed = [record for record in mine if record.kind == TASK]
            tasks += [{"lesson": lesson.id, "task": record.item, "passed": moment(record.first)} for record in passed]
        return {
            "id": member.id,
            "name": member.name,
            "joined": moment(member.joined),
            "last": moment(learner.last) or None,
            "lessons": lessons,
            "tasks": tasks,
            "questions": [self._answer(*found) for found in answers(learner, self.lessons)],
        }

    @staticmethod
    def _answer(lesson: Taught, record: Record, question: Question | None) -> Json:
        ids = record.detail.get("picked", [])
        return {
            "lesson": lesson.id,
            "question": record.item,
            "text": question.text if question else None,
            "picked": [{"id": id, "text": text} for id, text in zip(ids, picked(question, ids), strict=True)],
            "right": record.outcome is Outcome.RIGHT,
            "tries": record.tries,
            "first": moment(record.first),
            "last": moment(record.last),
        }
