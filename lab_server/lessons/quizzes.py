"""A question list → quiz; what was picked → a verdict.

Knows: the notation below, and which option is right. Doesn't know: HTML, HTTP, or who answers. Pure.

    1. Which namespace gives a container its own hostname?
       - [ ] PID
       - [x] UTS
         > UTS isolates the hostname and the domain name.
       > Shown when the question is answered.

Several `[x]` make a question of several answers. Ids come from the page's path and the words, so that they stay when
questions move, and never meet those of another page. `Quiz.public()` has no answers in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab_server.lessons.fences import Mistake, inside

_QUESTION = re.compile(r"(?P<number>\d+)[.)]\s+(?P<text>.+)")
_OPTION = re.compile(r"(?P<indent>\s+)[-*+]\s+\[(?P<mark>[ xX])\]\s+(?P<text>.+)")
_WHY = re.compile(r"(?P<indent>\s+)>\s?(?P<text>.*)")
_STRAY = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+\[[ xX]\]\s")


@dataclass(frozen=True)
class Option:
    id: str
    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """`text`, and the texts and whys of options, are inline Markdown. `line` counts from 1 in the page."""

    id: str
    text: str
    options: tuple[Option, ...]
    why: str
    line: int

    @property
    def multiple(self) -> bool:
        return sum(option.right for option in self.options) > 1

    def public(self) -> dict[str, object]:
        options = [{"id": option.id, "text": option.text} for option in self.options]
        return {"id": self.id, "text": self.text, "multiple": self.multiple, "options": options}


@dataclass(frozen=True)
class Quiz:
    """The questions of one list. `id` is the page's path and the number of the list in it."""

    id: str
    questions: tuple[Question, ...]

    def public(self) -> dict[str, object]:
        return {"id": self.id, "questions": [question.public() for question in self.questions]}


@dataclass(frozen=True)
class Found:
    """A quiz and the lines it takes: indexes from 0, the last one not included."""

    quiz: Quiz
    start: int
    end: int


@dataclass(frozen=True)
class Verdict:
    """`right`: exactly the right options were picked. `options`: of each one picked, whether it is right, and why."""

    right: bool
    options: dict[str, tuple[bool, str]]
    why: str


def grade(question: Question, picked: Collection[str]) -> Verdict:
    """Judge a set of option ids; ids that the question doesn't have are never right. Tells nothing of options not picked."""
    known = {option.id: option for option in question.options}
    judged = {id_: (known[id_].right, known[id_].why) for id_ in picked if id_ in known}
    right = set(picked) == {option.id for option in question.options if option.right}
    return Verdict(right, judged, question.why if right else "")


def find(lines: Sequence[str], page: str) -> list[Found]:
    """The quizzes of a page, outside its fences. Raises Mistake where one is wrong, or where a box to tick belongs to none."""
    fenced = inside("\n".join(lines))
    found: list[Found] = []
    i = 0
    while i < len(lines):
        if i not in fenced and _begins(lines, i):
            reader = _Reader(lines, i, page)
            questions = reader.questions()
            found.append(Found(Quiz(f"{page}/quiz-{len(found) + 1}", questions), i, reader.at))
            i = reader.at
            continue
        if i not in fenced and _STRAY.match(lines[i]):
            raise Mistake(
                i + 1,
                "A box to tick that belongs to no question: the page would show the answers.",
                "Put it, indented, under a line like `1. Question?`.",
            )
        i += 1
    _refuse_twins(found)
    return found


def _begins(lines: Sequence[str], i: int) -> bool:
    """Whether a question starts here: a numbered line whose list item goes on to a box to tick."""
    if not _QUESTION.fullmatch(lines[i].rstrip()):
        return False
    for line in lines[i + 1 :]:
        if _OPTION.fullmatch(line.rstrip()):
            return True
        if line.strip() and (not line.startswith(" ") or _WHY.fullmatch(line)):
            return False
    return False


def _refuse_twins(found: list[Found]) -> None:
    seen: dict[str, int] = {}
    for question in (question for item in found for question in item.quiz.questions):
        if question.id in seen:
            raise Mistake(question.line, f"This question was asked on line {seen[question.id]} too.", "Reword one.")
        seen[question.id] = question.line


def _id(prefix: str, *parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return f"{prefix}-{digest[:8]}"


class _Reader:
    """One pass over the lines of one quiz."""

    def __init__(self, lines: Sequence[str], start: int, page: str) -> None:
        self.lines = lines
        self.at = start
        self.page = page

    def questions(self) -> tuple[Question, ...]:
        found: list[Question] = []
        while self._skip_blanks() and (head := _QUESTION.fullmatch(self.lines[self.at].rstrip())):
            found.append(self._question(head["text"].strip()))
        return tuple(found)

    def _skip_blanks(self) -> bool:
        """To the next line with something on it, if that goes on with the quiz."""
        at = self.at
        while at < len(self.lines) and not self.lines[at].strip():
            at += 1
        if at < len(self.lines) and _QUESTION.fullmatch(self.lines[at].rstrip()):
            self.at = at
            return True
        return False

    def _question(self, text: str) -> Question:
        line = self.at + 1
        self.at += 1
        options: list[tuple[str, bool, list[str], int]] = []
        why: list[str] = []
        while self.at < len(self.lines):
            raw = self.lines[self.at].rstrip()
            if option := _OPTION.fullmatch(raw):
                options.append((option["text"].strip(), option["mark"] in "xX", [], len(option["indent"])))
            elif (reason := _WHY.fullmatch(raw)) and options:
                deeper = len(reason["indent"]) > options[-1][3]
                (options[-1][2] if deeper else why).append(reason["text"].strip())
            elif raw and raw.startswith(" ") and not options:
                text = f"{text} {raw.strip()}"
            elif raw or not self._goes_on():
                break
            self.at += 1
        return self._checked(line, text, options, " ".join(why))

    def _goes_on(self) -> bool:
        """Whether an option or a reason follows after blank lines."""
        rest = (line.rstrip() for line in self.lines[self.at :])
        following = next((line for line in rest if line), "")
        return bool(_OPTION.fullmatch(following) or _WHY.fullmatch(following))

    def _checked(self, line: int, text: str, options: list[tuple[str, bool, list[str], int]], why: str) -> Question:
        if not options:
            raise Mistake(line, "A question without options.", "Add some: `   - [x] the right one`.")
        if len({option[0] for option in options}) < max(len(options), 2):
            raise Mistake(line, "A question needs at least two options, no two alike.")
        if not any(option[1] for option in options):
            raise Mistake(line, "A question with no right answer.", "Mark at least one with [x].")
        id_ = _id("q", self.page, text)
        made = tuple(Option(_id("a", id_, words), words, right, " ".join(whys)) for words, right, whys, _ in options)
        return Question(id_, text, made, why, line)
