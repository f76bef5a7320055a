"""docs/ and labs/ → one frozen catalogue of lessons, refused with file and line when wrong.

Knows: where lessons and lab files are, and how they must fit together. Doesn't know: HTTP, sandboxes, HTML.

    docs/<module>/NN-name.md            a lesson; its id is `<module>/NN-name`
    labs/<module>/NN-name/tasks/        its tasks (taskfiles.py)
    labs/<module>/NN-name/lab.yml       what its sandbox is like (labfile.py); where it sets no limits the template is `default`
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab_server.errors import CatalogError, Missing, NotFound
from lab_server.lessons import labfile, taskfiles
from lab_server.lessons.blocks import Block
from lab_server.lessons.fences import Mistake
from lab_server.lessons.labfile import CAPABILITIES, Lab
from lab_server.lessons.page import FACTS, Page, read
from lab_server.lessons.quizzes import Quiz
from lab_server.lessons.taskfiles import Sources
from lab_server.lessons.tasks import Task

_LESSON = re.compile(r"(?P<module>[a-z0-9-]+)/\d\d-[a-z0-9-]+")
DEFAULT_TEMPLATE = "default"


@dataclass(frozen=True)
class Lesson:
    """A page that can be run. `url` is its path in the site; `limits` holds only what its lab.yml sets (labfile.Lab)."""

    id: str
    title: str
    url: str
    module: str
    level: str
    minutes: int
    sessions: tuple[str, ...]
    limits: dict[str, int | float]
    needs: tuple[str, ...]
    blocks: tuple[Block, ...]
    quizzes: tuple[Quiz, ...]
    template: str
    tasks: tuple[Task, ...] = ()

    def block(self, id_: str) -> Block:
        """Raises NotFound."""
        for block in self.blocks:
            if block.id == id_:
                return block
        raise NotFound(f"The lesson {self.id} has no block {id_!r}.", f"It has {_names(b.id for b in self.blocks)}.")

    def task(self, name: str) -> Task:
        """Raises NotFound."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise NotFound(f"The lesson {self.id} has no task {name!r}.", f"It has {_names(t.name for t in self.tasks)}.")

    def public(self) -> dict[str, object]:
        """One lesson of `GET /api/lessons`: no answers in it, and no scripts."""
        return {
            "id": self.id,
            "title": self.title,
            "url": self.url,
            "module": self.module,
            "level": self.level,
            "minutes": self.minutes,
            "sessions": list(self.sessions),
            "blocks": [block.public() for block in self.blocks],
            "quizzes": [quiz.public() for quiz in self.quizzes],
            "tasks": [task.public() for task in self.tasks],
        }


@dataclass(frozen=True)
class Catalog:
    """All lessons, in the order of their ids."""

    lessons: tuple[Lesson, ...]

    def lesson(self, id_: str) -> Lesson:
        """Raises NotFound."""
        for lesson in self.lessons:
            if lesson.id == id_:
                return lesson
        raise NotFound(f"There is no lesson {id_!r}.", f"There is {_names(lesson.id for lesson in self.lessons)}.")

    def public(self) -> list[dict[str, object]]:
        """The JSON of `GET /api/lessons`."""
        return [lesson.public() for lesson in self.lessons]


def templates(catalog: Catalog) -> dict[str, dict[str, dict[str, int | float]]]:
    """What the spawner is started with: template → the fields that differ from its default (bytes, cores, counts)."""
    return {
        lesson.template: {"limits": lesson.limits} for lesson in catalog.lessons if lesson.template != DEFAULT_TEMPLATE
    }


def load(root: Path) -> Catalog:
    """Read the course below `root` (which holds docs/ and labs/). Raises CatalogError, and Missing where docs/ is not there."""
    docs, labs = root / "docs", root / "labs"
    if not docs.is_dir():
        raise Missing(f"There is no folder {docs}.", "Run this in the course's repository.")
    files = {path.relative_to(labs).parent.as_posix(): path for path in sorted(labs.glob("*/*/lab.yml"))}
    folders = {path.relative_to(labs).parent.as_posix() for path in labs.glob("*/*/tasks")} - set(files)
    lessons: list[Lesson] = []
    for path in sorted(docs.rglob("*.md")):
        id_ = path.relative_to(docs).with_suffix("").as_posix()
        name = path.relative_to(root).as_posix()
        page = _page(path, name, id_)
        if _LESSON.fullmatch(id_):
            file = files.pop(id_, None)
            lab = _lab(file, root) if file else None
            lessons.append(_lesson(id_, page, lab, Sources(root, name, f"labs/{id_}/lab.yml")))
            folders.discard(id_)
        elif lines := _live(page):
            raise CatalogError(
                name, lines[0], "Only a lesson has live blocks, quizzes and tasks.", "Name it docs/<module>/NN-name.md."
            )
    for id_ in sorted(folders):
        raise CatalogError(f"labs/{id_}/tasks", 1, f"There is no lesson docs/{id_}.md for these tasks.")
    for id_, file in files.items():
        raise CatalogError(file.relative_to(root).as_posix(), 1, f"There is no lesson docs/{id_}.md for this lab.")
    return Catalog(tuple(lessons))


def _live(page: Page) -> list[int]:
    """The lines of what only a lesson may have."""
    questions = [question.line for quiz in page.quizzes for question in quiz.questions]
    return [*(block.line for block in page.blocks), *questions, *(task.line for task in page.tasks)]


def _names(ids: Iterable[str]) -> str:
    return ", ".join(ids) or "none"


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as wrong:
        line = path.read_bytes()[: wrong.start].count(b"\n") + 1
        raise CatalogError(name, line, "This is not UTF-8.", "Save the file as UTF-8.") from None


def _page(path: Path, name: str, id_: str) -> Page:
    try:
        return read(_text(path, name), id_)
    except Mistake as wrong:
        raise CatalogError(name, wrong.line, wrong.message, wrong.remedy) from None


def _lab(path: Path, root: Path) -> Lab:
    name = path.relative_to(root).as_posix()
    try:
        return labfile.read(_text(path, name))
    except Mistake as wrong:
        raise CatalogError(name, wrong.line, wrong.message, wrong.remedy) from None


def _lesson(id_: str, page: Page, lab: Lab | None, sources: Sources) -> Lesson:
    module, name, lab_name = id_.split("/")[0], sources.page, sources.lab
    if not page.title:
        raise CatalogError(name, 1, "A lesson needs a title.", "Begin with a line like `# How Containers Work`.")
    if page.facts is None:
        raise CatalogError(
            name, page.title_line, "A lesson needs a line of facts under its title.", f"Like this: {FACTS}"
        )
    if page.facts.module != module:
        raise CatalogError(name, page.facts.line, f"This lesson is in {module!r}, not {page.facts.module!r}.")
    if lab and lab.title and lab.title != page.title:
        raise CatalogError(lab_name, lab.title_line, f"The lesson's title is {page.title!r}.", "Give both the same.")
    sandbox = lab or Lab()
    _check_steps(name, page, sandbox, bool(lab))
    needs = sandbox.needs if lab else tuple(dict.fromkeys(n for b in page.blocks for s in b.steps for n in s.needs))
    return Lesson(
        id=id_,
        title=page.title,
        url=f"/{id_}/",
        module=module,
        level=page.facts.level,
        minutes=page.facts.minutes,
        sessions=sandbox.sessions,
        limits=sandbox.limits,
        needs=needs,
        blocks=page.blocks,
        quizzes=page.quizzes,
        template=id_ if sandbox.limits else DEFAULT_TEMPLATE,
        tasks=taskfiles.read(sources, page, sandbox.tasks),
    )


def _check_steps(name: str, page: Page, lab: Lab, listed: bool) -> None:
    for block in page.blocks:
        if block.session not in lab.sessions:
            raise _unknown_session(name, block.line, block.session, lab)
        for step in block.steps:
            if step.session not in lab.sessions:
                raise _unknown_session(name, step.line, step.session, lab)
            for need in step.needs:
                if need not in CAPABILITIES:
                    known = ", ".join(CAPABILITIES)
                    raise CatalogError(name, step.line, f"There is no capability {need!r}.", f"Known are {known}.")
                if listed and need not in lab.needs:
                    raise CatalogError(name, step.line, f"This step needs {need!r}.", "Add it to needs in lab.yml.")


def _unknown_session(name: str, line: int, session: str, lab: Lab) -> CatalogError:
    known = ", ".join(lab.sessions)
    return CatalogError(
        name, line, f"The lesson has no session {session!r}.", f"It has {known}; lab.yml declares them."
    )
