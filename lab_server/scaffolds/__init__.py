"""New lessons and tasks, whole enough to be verified as they are.

Knows: where a lesson's parts stand, the templates beside this file, and that nothing of an author's is ever written over. Doesn't
know: commands, sandboxes. How a text takes a task in is insert.py's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lab_server.errors import BadInput, CatalogError, Conflict, NotFound
from lab_server.lessons.fences import Mistake
from lab_server.scaffolds import insert

TEMPLATES = Path(__file__).parent / "templates"
SCRIPTS = ("check.sh", "hint.sh", "solve.sh")
_PART = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_LESSON = re.compile(rf"(?P<module>{_PART})/(?P<name>\d\d-{_PART})")
_TASK = re.compile(rf"(?P<lesson>{_PART}/\d\d-{_PART})/(?P<task>\d\d-{_PART})")


@dataclass(frozen=True)
class Made:
    """Files that were made and changed, relative to the repository; `nav` is the line for mkdocs.yml where it isn't in there."""

    lesson: str
    made: tuple[str, ...]
    changed: tuple[str, ...] = ()
    nav: str = ""


def lesson(root: Path, id_: str, title: str = "") -> Made:
    """Make docs/<id>.md and labs/<id>/lab.yml, and name the page in mkdocs.yml. Raises BadInput, Conflict."""
    found = _LESSON.fullmatch(id_)
    if found is None:
        raise BadInput(
            f"{id_!r} can't be a lesson.",
            "Name it <module>/<NN-name> in small letters, digits and hyphens, such as concepts/06-signals.",
        )
    title = _title(title, found["name"])
    page, lab = f"docs/{id_}.md", f"labs/{id_}/lab.yml"
    _free(root, page, lab)
    words = {"TITLE": title, "MODULE": found["module"], "TITLE_FIELD": _field("title", title)}
    files = {page: _filled("lesson.md", words), lab: _filled("lab.yml", words)}
    nav = insert.nav_line(title, id_)
    changed: dict[str, str] = {}
    config = root / "mkdocs.yml"
    if config.is_file() and (text := insert.nav(config.read_text(encoding="utf-8"), title, id_)) is not None:
        changed["mkdocs.yml"] = text
    _write(root, files, changed)
    return Made(id_, tuple(files), tuple(changed), "" if changed else nav)


def task(root: Path, name: str, title: str = "") -> Made:
    """Make a task's scripts, declare it in the lesson's lab.yml and put it into its page.

    Raises BadInput, Conflict, NotFound for a lesson that is not there, CatalogError for a lab.yml that can't take it.
    """
    found = _TASK.fullmatch(name)
    if found is None:
        raise BadInput(
            f"{name!r} can't be a task.",
            "Name it <module>/<NN-lesson>/<NN-name> in small letters, digits and hyphens, such as concepts/06-signals/01-a-child.",
        )
    id_, task_ = found["lesson"], found["task"]
    page, lab, folder = f"docs/{id_}.md", f"labs/{id_}/lab.yml", f"labs/{id_}/tasks/{task_}"
    if not (root / page).is_file():
        raise NotFound(f"There is no lesson {page}.", f"Make it first: labs new lesson {id_}")
    _free(root, folder)
    words = {"TASK": task_}
    files = {f"{folder}/{script}": _filled(f"task/{script}", words) for script in SCRIPTS}
    before = (root / page).read_text(encoding="utf-8")
    if insert.holds(before, task_):
        raise Conflict(f"{page} has a task {task_} already.", "Choose another name, or remove it there.")
    changed = {page: insert.into_page(before, _filled("task.md", words))}
    field = _field("title", _title(title, task_))
    if (root / lab).is_file():
        try:
            changed[lab] = insert.into_lab((root / lab).read_text(encoding="utf-8"), task_, field)
        except Mistake as wrong:
            raise CatalogError(lab, wrong.line, wrong.message, wrong.remedy) from None
    else:
        files[lab] = insert.into_lab("", task_, field)
    _write(root, files, changed)
    return Made(id_, tuple(files), tuple(changed))


def _title(given: str, name: str) -> str:
    if "\n" in given or "\r" in given:
        raise BadInput("A title is one line.")
    return given.strip() or name.partition("-")[2].replace("-", " ").capitalize()


def _field(name: str, value: str) -> str:
    """One line of YAML, quoted where it must be."""
    return yaml.safe_dump({name: value}, allow_unicode=True, width=10_000).rstrip("\n")


def _filled(template: str, words: Mapping[str, str]) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    for name, value in words.items():
        text = text.replace(f"@{name}@", value)
    return text


def _free(root: Path, *names: str) -> None:
    for name in names:
        if (root / name).exists():
            raise Conflict(f"{name} is there already.", "Choose another name; nothing was changed.")


def _write(root: Path, made: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """Everything, once everything is known to fit."""
    for name, text in {**made, **changed}.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="") as opened:
            opened.write(text)
        if file.suffix == ".sh":
            file.chmod(0o755)
