"""What applies to everybody in a class now: from its row, as it was kept, and the clock. Pure.

Knows what is in `classes.room`: {"message": {"text", "by", "at"}, "here": {"lesson", "step", "by", "at"}, "paused": {"by", "at"},
"ending": {"by", "since", "at", "seconds", "before"}, "present": {"by", "at", "learner", "session"}, "resets": {member: {"by", "at"}}}.
Doesn't know who may change it, nor what is done about it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.store.classes import OPEN, Class
from lab_server.web.faults import Unfit

NEAR = 600.0  # seconds before a class closes by itself that its learners are told
LONGEST = 500  # characters of a message
ALL = ("message", "here", "paused", "ending", "present", "resets")
_JOINERS = "\u200c\u200d"  # scripts and emoji need them

Found = Mapping[str, Any]


def words(text: str) -> str:
    """A message as it is kept: its lines, without what can't be seen. Raises Unfit."""
    if len(text) > LONGEST:
        raise Unfit(f"The message has {len(text)} characters; {LONGEST} are the most.", "Say it shorter.")
    plain = unicodedata.normalize("NFC", re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", text).replace("\t", " "))
    seen = "".join(char for char in plain if char in f"\n{_JOINERS}" or unicodedata.category(char)[0] != "C")
    lines = re.sub(r"\n{3,}", "\n\n", "\n".join(" ".join(line.split()) for line in seen.split("\n"))).strip()
    if not lines.strip(f"\n {_JOINERS}"):
        raise Unfit("A message has at least one letter.", "Write what learners are to read.")
    return lines


def place(catalog: Catalog, lesson: str, step: str) -> dict[str, str]:
    """{"title", "part", "url"} of a lesson, or of a step ("block/2") or task in it. Raises Unfit, which names what there is."""
    found = next((one for one in catalog.lessons if one.id == lesson), None)
    if found is None:
        known = ", ".join(one.id for one in catalog.lessons)
        raise Unfit(f"There is no lesson {lesson[:128]!r}.", f"Lessons: {known}.")
    if not step:
        return {"title": found.title, "part": "", "url": found.url}
    for name, part, anchor in _parts(found):
        if name == step:
            return {"title": found.title, "part": part, "url": f"{found.url}#{anchor}"}
    known = ", ".join(name for name, _, _ in _parts(found)) or "none"
    raise Unfit(f"The lesson {lesson} has no step {step[:128]!r}.", f"Its steps and tasks: {known}.")


def _parts(lesson: Lesson) -> list[tuple[str, str, str]]:
    """(name, as a sentence goes on with it, id on the page) of each step and task."""
    found = [
        (f"{block.id}/{step.n}", f"step {step.n} of {block.caption or block.id}", f"lab-{block.id}-{step.n}")
        for block in lesson.blocks
        for step in block.steps
    ]
    return found + [(task.name, f"the task {task.title}", f"task-{task.name}") for task in lesson.tasks]


def here(of: Class, catalog: Catalog) -> dict[str, Any] | None:
    """Where everybody is to go; None also where the course no longer has that place."""
    kept = of.room.get("here")
    if not kept:
        return None
    try:
        return dict(kept) | place(catalog, kept["lesson"], kept["step"])
    except Unfit:
        return None


def paused(of: Class, now: float) -> Found | None:
    """Who paused it. A class that isn't open is not paused: nobody would think of letting it go on."""
    return of.room.get("paused") if of.state(now) == OPEN else None


def presented(of: Class, now: float) -> Found | None:
    """Whose terminal is shown to everybody: a learner's id, which nobody is told, and a session. Only while the class is open."""
    return of.room.get("present") if of.state(now) == OPEN else None


def ending(of: Class) -> Found | None:
    """The end that was announced, unless its time was changed since by hand."""
    kept = of.room.get("ending")
    return kept if kept and not of.archived and of.closes == kept["at"] else None


def closing(of: Class, now: float) -> float | None:
    """Seconds until it closes by itself, where that is near."""
    if of.closes is None or of.state(now) != OPEN:
        return None
    return of.closes - now if of.closes - now <= NEAR else None
