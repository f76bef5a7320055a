"""A task: what its lab.yml, its page and its scripts say of it.

Knows: where tasks stand in a page, and what a script must look like. Doesn't know: folders (taskfiles.py), how scripts are run
(checks.py), HTML. Pure.

    <!-- task: 01-own-hostname -->
    > Give a shell a hostname of its own: start one in a new UTS namespace, name it `box`, and leave it running.

The comment stands directly above the block quote, which is any Markdown. What solves a task is for `labs verify` alone: its text is
not kept here, only where it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab_server.lessons.fences import Mistake, inside
from lab_server.lessons.labfile import TASK

REQUIRED = ("check", "solve", "hint")
SCRIPTS = (*REQUIRED, "init")
SHEBANG = "#!/bin/bash"
MOST = 32 * 1024  # bytes of one script
EXAMPLE = "Write it like this, directly above a block quote: <!-- task: 01-some-name -->"

_COMMENT = re.compile(r"<!-- task: (?P<name>\S+) -->")
_MEANT = re.compile(r"<!--\s*task\b\s*[:\d]", re.I)
_BOX = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+\[[ xX]\]\s")


@dataclass(frozen=True)
class Task:
    """`timeout` is seconds that each of its scripts may take; `line` is that of its comment in the page.

    `after` is how many of the lesson's blocks stand above it. `scripts` has the texts of check, hint and (where there is one) init;
    `files` where each script is, relative to the repository.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    timeout: int
    line: int
    after: int
    scripts: Mapping[str, str]
    files: Mapping[str, str]

    def public(self) -> dict[str, object]:
        """No script of it."""
        return {"name": self.name, "title": self.title, "needs": list(self.needs)}


@dataclass(frozen=True)
class Placed:
    """A task's place in a page: it takes the lines start…end (indexes from 0, the last one not included). `text` is Markdown."""

    name: str
    text: tuple[str, ...]
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.start + 1


def find(lines: Sequence[str]) -> list[Placed]:
    """The tasks of a page, outside its fences. Raises Mistake."""
    fenced = inside("\n".join(lines))
    found: dict[str, Placed] = {}
    for i, line in enumerate(lines):
        if i in fenced or not _MEANT.search(line):
            continue
        comment = _COMMENT.fullmatch(line.rstrip())
        if comment is None:
            raise Mistake(i + 1, f"This marks no task: {line.strip()!r}.", EXAMPLE)
        name = comment["name"]
        if not TASK.fullmatch(name):
            raise Mistake(i + 1, f"{name!r} can't be a task.", "Two digits, a hyphen, small letters: 01-some-name.")
        if name in found:
            raise Mistake(i + 1, f"The task {name} stands on line {found[name].line} already.")
        end = next((j for j in range(i + 1, len(lines)) if not lines[j].startswith(">")), len(lines))
        text = tuple(line[1:].removeprefix(" ") for line in lines[i + 1 : end])
        if not any(line.strip() for line in text):
            raise Mistake(
                i + 1, f"Nothing is said of the task {name}.", "Put a block quote directly under its comment."
            )
        if end < len(lines) and lines[end].strip():
            raise Mistake(
                end + 1, "This line goes on with a task's text.", "Begin it with `> `, or leave a blank line."
            )
        for j, words in enumerate(text):
            if _BOX.match(words):
                raise Mistake(i + 2 + j, "A box to tick in the text of a task.", "Questions go outside of it.")
        found[name] = Placed(name, text, i, end)
    return list(found.values())


def check_script(text: str) -> None:
    """Raises Mistake where a script can't be one. Whether bash understands it, a test asks bash."""
    lines = text.split("\n")
    if len(text.encode()) > MOST:
        raise Mistake(1, f"A script of more than {MOST // 1024} KiB.", "Say it shorter.")
    if lines[0].rstrip("\r") != SHEBANG:
        raise Mistake(1, f"A script begins with {SHEBANG}, and nothing else on that line.")
    for i, line in enumerate(lines):
        if found := re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line):
            what = "a line end of Windows" if found[0] == "\r" else "a control character"
            raise Mistake(i + 1, f"There is {what} in this script.", "Save it with plain line ends and characters.")
    if not any(line.strip() and not line.lstrip().startswith("#") for line in lines):
        raise Mistake(1, "This script does nothing.", "Write what it is for.")
