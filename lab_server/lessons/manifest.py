"""What `labs verify` last found, lesson by lesson, as JSON; and the line about it under a lesson's title.

Knows: the fields of a manifest, which of several entries may be shown, and how one reads. Doesn't know: files, clocks, sandboxes. Pure.

    {"version": 1, "lessons": {"concepts/02-how-containers-work": {"date": "2026-11-23", "digest": "…", "driver": "vm",
     "kernel": "6.12.117", "engine": "podman 5.4.2", "steps": {"ok": 23, "skipped": 0}, "tasks": {"ok": 3, "skipped": 0}}}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Any

from lab_server.lessons.fences import Mistake
from lab_server.lessons.page import facts_end

VERSION = 1
_RELEASE = re.compile(r"\d+(?:\.\d+)*")
_KINDS = ("steps", "tasks")


@dataclass(frozen=True)
class Verified:
    """One lesson that was run whole and did what its page says. `day` is UTC's; `digest` is of the page and its labs/ folder."""

    day: date
    digest: str
    driver: str
    kernel: str
    engine: str
    steps: int
    tasks: int
    skipped_steps: int = 0
    skipped_tasks: int = 0

    @property
    def skipped(self) -> int:
        return self.skipped_steps + self.skipped_tasks

    def words(self) -> str:
        """Such as "Verified on 23 November 2026 · Linux 6.12.117 · podman 5.4.2 · 23 steps, 3 tasks"."""
        done = [f"{n} {name}{'' if n == 1 else 's'}" for n, name in ((self.steps, "step"), (self.tasks, "task")) if n]
        parts = [f"Verified on {self.day.day} {self.day:%B %Y}", _linux(self.kernel), self.engine, ", ".join(done)]
        if self.skipped:
            parts.append(f"skipped: {self.skipped}")
        return " · ".join(part for part in parts if part)


Manifest = Mapping[str, Verified]  # by lesson id


def parse(text: str) -> dict[str, Verified]:
    """Read a manifest. Raises Mistake with the line of what is wrong."""
    try:
        root = json.loads(text)
    except json.JSONDecodeError as wrong:
        raise Mistake(wrong.lineno, f"Not JSON: {wrong.msg}.", AGAIN) from None
    if not isinstance(root, dict) or root.get("version") != VERSION or not isinstance(root.get("lessons"), dict):
        raise Mistake(1, f"This is no manifest of version {VERSION}.", AGAIN)
    found = {}
    for id_, fields in root["lessons"].items():
        try:
            found[id_] = _entry(fields)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            line = _line(text, id_)
            raise Mistake(line, f"The entry of {id_} can't be read: {_what(wrong)}.", AGAIN) from None
    return found


AGAIN = "Remove the file, then write it anew: labs verify --record."


def dump(manifest: Manifest) -> str:
    """The JSON of a manifest, an entry a lesson in the order of ids: equal manifests give equal text."""
    lessons = {id_: _fields(manifest[id_]) for id_ in sorted(manifest)}
    return json.dumps({"version": VERSION, "lessons": lessons}, indent=1, ensure_ascii=False) + "\n"


def shown(manifests: Iterable[Manifest], digests: Mapping[str, str]) -> dict[str, str]:
    """Lesson → words, for those of `digests` (lesson → what its sources are now) that some manifest verified as they are.

    The newest entry counts; on one day, that which skipped less.
    """
    best: dict[str, Verified] = {}
    for manifest in manifests:
        for id_, entry in manifest.items():
            if digests.get(id_) != entry.digest:
                continue  # something changed since: nobody knows
            if id_ not in best or (entry.day, -entry.skipped) > (best[id_].day, -best[id_].skipped):
                best[id_] = entry
    return {id_: entry.words() for id_, entry in sorted(best.items())}


def badge(lines: list[str], words: str) -> tuple[int, str] | None:
    """(where to put it among a page's lines, its HTML); None where the page has no line of facts."""
    end = facts_end(lines)
    return (end, f'<p class="lab-verified">{escape(words)}</p>') if end is not None else None


def _linux(kernel: str) -> str:
    release = _RELEASE.match(kernel)  # without what a distribution hangs on it
    return f"Linux {release[0] if release else kernel}" if kernel else ""


def _entry(fields: Mapping[str, Any]) -> Verified:
    words = [fields[name] for name in ("digest", "driver", "kernel", "engine")]
    numbers = [fields[kind][name] for name in ("ok", "skipped") for kind in _KINDS]
    if not all(isinstance(word, str) for word in words):
        raise ValueError("digest, driver, kernel and engine are texts")
    if not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError("steps and tasks are counts")
    return Verified(date.fromisoformat(fields["date"]), *words, *numbers)


def _fields(entry: Verified) -> dict[str, object]:
    return {
        "date": entry.day.isoformat(),
        "digest": entry.digest,
        "driver": entry.driver,
        "kernel": entry.kernel,
        "engine": entry.engine,
        "steps": {"ok": entry.steps, "skipped": entry.skipped_steps},
        "tasks": {"ok": entry.tasks, "skipped": entry.skipped_tasks},
    }


def _line(text: str, id_: str) -> int:
    at = text.find(json.dumps(id_, ensure_ascii=False))
    return text.count("\n", 0, at) + 1 if at >= 0 else 1


def _what(wrong: Exception) -> str:
    return f"it has no {wrong.args[0]!r}" if isinstance(wrong, KeyError) else str(wrong)
