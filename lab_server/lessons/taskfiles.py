"""The task folders below labs/ → tasks, refused with file and line where folder, lab.yml and page don't agree.

Knows: what may be in a task's folder. Doesn't know: what scripts do, or how they are run.

    labs/<module>/<NN-lesson>/tasks/<NN-name>/{check,solve,hint,init}.sh      init.sh may be left out
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lab_server.errors import CatalogError
from lab_server.lessons import tasks
from lab_server.lessons.fences import Mistake
from lab_server.lessons.labfile import TASK, Declared
from lab_server.lessons.page import Page
from lab_server.lessons.tasks import Placed, Task


@dataclass(frozen=True)
class Sources:
    """Where a lesson comes from. `page` and `lab` are files relative to `root`; `lab` need not be there."""

    root: Path
    page: str
    lab: str

    @property
    def folder(self) -> str:
        return f"{Path(self.lab).parent.as_posix()}/tasks"


def read(sources: Sources, page: Page, declared: tuple[Declared, ...]) -> tuple[Task, ...]:
    """The lesson's tasks, in the order of its page. Raises CatalogError."""
    there = _folders(sources)
    known = {one.name: one for one in declared}
    for name in there:
        if name not in known:
            line = declared[0].line if declared else 1
            raise CatalogError(
                sources.lab,
                line,
                f"The folder {sources.folder}/{name} has no entry under tasks.",
                "Add it, with a title.",
            )
    placed = {one.name: one for one in page.tasks}
    for one in declared:
        if one.name not in there:
            raise CatalogError(
                sources.lab, one.line, f"There is no folder {sources.folder}/{one.name}.", "Make it, with its scripts."
            )
        if one.name not in placed:
            raise CatalogError(
                sources.lab, one.line, f"The task {one.name} stands nowhere in {sources.page}.", tasks.EXAMPLE
            )
    for place in page.tasks:
        if place.name not in known:
            raise CatalogError(
                sources.page,
                place.line,
                f"{sources.lab} declares no task {place.name!r}.",
                "Add it there, with a title.",
            )
    return tuple(_task(sources, page, place, known[place.name]) for place in page.tasks)


def _folders(sources: Sources) -> list[str]:
    folder = sources.root / sources.folder
    if not folder.is_dir():
        return []
    for path in _entries(folder):
        if path.is_symlink() or not path.is_dir() or not TASK.fullmatch(path.name):
            raise CatalogError(
                f"{sources.folder}/{path.name}",
                1,
                "This is no task's folder.",
                "Name a task's folder like 01-some-name.",
            )
    return [path.name for path in _entries(folder)]


def _entries(folder: Path) -> list[Path]:
    """What is in it, but for what editors leave lying about."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and not path.name.endswith("~"))


def _task(sources: Sources, page: Page, place: Placed, declared: Declared) -> Task:
    folder = f"{sources.folder}/{place.name}"
    files = {kind: f"{folder}/{kind}.sh" for kind in tasks.SCRIPTS}
    there = {path.name for path in _entries(sources.root / folder)}
    if extra := sorted(there - {Path(file).name for file in files.values()}):
        raise CatalogError(f"{folder}/{extra[0]}", 1, "A task's folder has no such file.", f"It has {_names()}.")
    for kind in tasks.REQUIRED:
        if f"{kind}.sh" not in there:
            raise CatalogError(sources.lab, declared.line, f"There is no {files[kind]}.", f"A task has {_names()}.")
    files = {kind: file for kind, file in files.items() if f"{kind}.sh" in there}
    scripts = {kind: script(sources.root, file) for kind, file in files.items()}
    del scripts["solve"]  # looked at, and not kept
    after = sum(block.line < place.line for block in page.blocks)
    return Task(declared.name, declared.title, declared.needs, declared.timeout, place.line, after, scripts, files)


def _names() -> str:
    return f"{', '.join(f'{kind}.sh' for kind in tasks.REQUIRED)} and maybe init.sh"


def script(root: Path, file: str) -> str:
    """The text of a task's script (`Task.files`). Raises CatalogError where it can't be one."""
    path = root / file
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            raise CatalogError(file, 1, "A script is an ordinary file.")
        if not facts.st_mode & stat.S_IXUSR:
            raise CatalogError(file, 1, "This script is not executable.", f"Run: chmod +x {file}")
        if facts.st_size > tasks.MOST:  # not read at all
            raise CatalogError(file, 1, f"A script of more than {tasks.MOST // 1024} KiB.", "Say it shorter.")
        data = path.read_bytes()
    except OSError as why:
        raise CatalogError(file, 1, f"This script can't be read: {os.strerror(why.errno or 0)}.") from None
    try:
        text = data.decode()
        tasks.check_script(text)
    except UnicodeDecodeError as wrong:
        line = data[: wrong.start].count(b"\n") + 1
        raise CatalogError(file, line, "This is not UTF-8.", "Save the file as UTF-8.") from None
    except Mistake as wrong:
        raise CatalogError(file, wrong.line, wrong.message, wrong.remedy) from None
    return text
