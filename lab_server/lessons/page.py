"""One Markdown page → its title, facts, blocks, quizzes and tasks' places.

Knows: the shape of a lesson page: `# Title`, then `> **Module:** … | **Level:** … | **Time:** 30 minutes`.
Doesn't know: files, lab.yml, HTML. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab_server.lessons import blocks, drawings, quizzes, tasks
from lab_server.lessons.blocks import Block
from lab_server.lessons.fences import Mistake, inside, scan
from lab_server.lessons.quizzes import Quiz
from lab_server.lessons.tasks import Placed

_TITLE = re.compile(r"#\s+(?P<title>.+)")
_FACTS = re.compile(r">\s*(?P<facts>\*\*\w+:\*\*.*)")
_FACT = re.compile(r"\*\*(?P<name>\w+):\*\*\s*(?P<value>[^|]+)")
_MINUTES = re.compile(r"(?P<minutes>\d{1,3})\s*min(?:ute)?s?")
FACTS = "> **Module:** concepts | **Level:** Foundation | **Time:** 30 minutes"


@dataclass(frozen=True)
class Facts:
    """The line under a lesson's title. `minutes` is how long it takes; `line` counts from 1."""

    module: str
    level: str
    minutes: int
    line: int


@dataclass(frozen=True)
class Page:
    """What a page holds. `facts` is None where the page has no such line: no lesson, then."""

    title: str
    title_line: int
    facts: Facts | None
    blocks: tuple[Block, ...]
    quizzes: tuple[Quiz, ...]
    tasks: tuple[Placed, ...]


def read(text: str, path: str) -> Page:
    """Read a page; `path` (`concepts/02-how-containers-work`) goes into the ids of its quizzes. Raises Mistake with a line."""
    fences = scan(text)
    found: dict[str, Block] = {}
    for fence in fences:
        if fence.header is None:
            if fence.language in ("", "text") and drawings.is_drawing(fence.lines):
                drawings.check(fence.lines, fence.line + 1)
            continue
        block = blocks.parse(fence)
        if block.id in found:
            earlier = found[block.id].line
            raise Mistake(fence.line, f"The id #{block.id} is taken by the block on line {earlier}.", "Choose another.")
        found[block.id] = block
    lines = text.splitlines()
    title, title_line = _title(lines, inside(text))
    asked = tuple(quiz.quiz for quiz in quizzes.find(lines, path))
    placed = tuple(tasks.find(lines))
    for block in found.values():
        if any(task.start < block.line <= task.end for task in placed):
            raise Mistake(block.line, "A live block in the text of a task.", "Put it above or below the task.")
    return Page(title, title_line, _facts(lines, title_line), tuple(found.values()), asked, placed)


def _title(lines: list[str], fenced: set[int]) -> tuple[str, int]:
    for i, line in enumerate(lines):
        if i not in fenced and (title := _TITLE.fullmatch(line)):
            return title["title"].strip(), i + 1
    return "", 1


def _facts(lines: list[str], title_line: int) -> Facts | None:
    """The facts line, if it comes within a few lines of the title."""
    for i in range(title_line, min(title_line + 5, len(lines))):
        if not (found := _FACTS.fullmatch(lines[i].rstrip())):
            continue
        facts = {fact["name"].lower(): fact["value"].strip() for fact in _FACT.finditer(found["facts"])}
        minutes = _MINUTES.fullmatch(facts.get("time", ""))
        if set(facts) != {"module", "level", "time"} or minutes is None:
            raise Mistake(i + 1, "The line of facts needs module, level and time.", f"Write it like this: {FACTS}")
        return Facts(facts["module"], facts["level"], int(minutes["minutes"]), i + 1)
    return None


def facts_end(lines: list[str]) -> int | None:
    """Index of the line after the block quote with the facts, of a page without fences; None where there is no such quote."""
    title, after = _title(lines, set())
    for i in range(after, min(after + 5, len(lines)) if title else 0):
        if _FACTS.fullmatch(lines[i].rstrip()):
            return next((j for j in range(i + 1, len(lines)) if not lines[j].startswith(">")), len(lines))
    return None
