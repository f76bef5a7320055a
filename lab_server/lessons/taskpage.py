"""Puts a page's tasks into its HTML: the comment and its block quote become a section with buttons.

Knows: the HTML of docs/develop/protocol.md, and that titles and terminals are in the lesson's lab.yml. Doesn't know: scripts, or site
generators. The quote stays Markdown between two pieces of raw HTML, so links, fences and all else come out as in the rest of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from pathlib import Path

from lab_server.lessons import labfile, tasks
from lab_server.lessons.fences import Mistake
from lab_server.lessons.labfile import Declared, Lab

BUTTONS = (
    '<button type="button" data-action="hint" hidden>Hint</button>'
    '<button type="button" data-action="check" hidden>Check</button>'
)
END = '</div>\n<p class="lab-status" role="status"></p>\n</section>'


def place(lines: list[str], page: str, labs: Path, raw: Callable[[str], str]) -> list[str]:
    """The lines with every task in its place. `raw` keeps HTML and gives what stands for it. Raises Mistake."""
    found = tasks.find(lines)
    lab = _lab(labs / page / "lab.yml") if found else Lab()
    declared = {one.name: one for one in lab.tasks}
    for task in reversed(found):
        if task.name not in declared:
            raise Mistake(task.line, f"labs/{page}/lab.yml declares no task {task.name!r}.", "Add it there.")
        start = raw(_start(declared[task.name], page, lab.sessions))
        lines[task.start : task.end] = ["", start, "", *task.text, "", raw(END), ""]
    return lines


def _lab(file: Path) -> Lab:
    try:
        return labfile.read(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Lab()
    except Mistake as wrong:
        raise Mistake(wrong.line, f"{file.name}:{wrong.line}: {wrong.message}", wrong.remedy) from None


def _start(task: Declared, page: str, sessions: tuple[str, ...]) -> str:
    name, title = escape(task.name), escape(task.title)
    needs = f' data-needs="{escape(" ".join(task.needs))}"' if task.needs else ""
    return (
        f'<section class="lab-task" id="task-{name}" data-task="{name}" data-lesson="{escape(page)}"'
        f' data-sessions="{escape(" ".join(sessions))}"{needs} aria-label="Task: {title}">\n'
        f'<header class="lab-bar"><span class="lab-title">{title}</span><span class="lab-buttons">{BUTTONS}</span></header>\n'
        '<div class="lab-task-text">'
    )
