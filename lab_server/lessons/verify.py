"""What to run of a course, and how each step fared.

Knows: lessons, steps, capabilities by name, and what counts as kept and as broken. Doesn't know: terminals, sandboxes, files, how a
task is judged (taskverdicts.py), how results are told (report.py). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab_server.errors import NotFound
from lab_server.lessons import predictions
from lab_server.lessons.blocks import Block, Step
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.lessons.matching import matches, plain
from lab_server.lessons.tasks import Task


class Status(StrEnum):
    """How a step or a task fared."""

    OK = "ok"
    DIFFERS = "differs"  # it printed something else than the page says
    NO_OPTION = "no-option"  # no answer to its prediction holds for what it printed
    FAILED = "failed"  # a step of which the page says nothing: its exit status was not 0; a task: the reason says
    HUNG = "hung"  # it did not end in time
    LOST = "lost"  # its shell ended, or its terminal broke
    NOT_RUN = "not-run"  # something before it went so wrong that it could not be run
    SKIPPED = "skipped"  # not meant to be run here


BAD = frozenset(Status) - {Status.OK, Status.SKIPPED}


@dataclass(frozen=True)
class Planned:
    """A step to run, or (`skip` says why) not to."""

    lesson: str
    file: str
    block: Block
    step: Step
    skip: str = ""

    @property
    def name(self) -> str:
        return f"block {self.block.id}, step {self.step.n}"


@dataclass(frozen=True)
class PlannedTask:
    """A task to run in its place among the steps, or `alone`: where only the tasks before it were run, and no step."""

    lesson: str
    file: str
    task: Task
    alone: bool
    skip: str = ""

    @property
    def name(self) -> str:
        return f"task {self.task.name}{', with no step run' if self.alone else ''}"


@dataclass(frozen=True)
class Plan:
    """One lesson. `page` is for one sandbox, in the order of the page; `alone` for another, fresh one."""

    lesson: Lesson
    page: tuple[Planned | PlannedTask, ...]
    alone: tuple[PlannedTask, ...]

    @property
    def size(self) -> int:
        return len(self.page) + len(self.alone)


@dataclass(frozen=True)
class Ran:
    """What became of a step that was typed. `exit` is None where none was told; `inside`: it opened a shell, which waits."""

    output: str = ""
    exit: int | None = None
    inside: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """A step's. `reason` is a sentence, where the status doesn't say it all."""

    planned: Planned
    status: Status
    ran: Ran = Ran()
    reason: str = ""

    @property
    def place(self) -> str:
        step = self.planned.step
        asked = step.predict if self.status is Status.NO_OPTION else None
        return f"{self.planned.file}:{asked.line if asked else step.line}"

    @property
    def seconds(self) -> float:
        return self.ran.seconds


@dataclass(frozen=True)
class TaskResult:
    """A task's. `place` is the line at fault, of a script or of the page; `said` what the script at fault printed."""

    planned: PlannedTask
    status: Status
    place: str
    reason: str = ""
    said: str = ""
    seconds: float = 0.0


@dataclass
class LessonRun:
    """One lesson's results, steps in page order, tasks in page order and then alone. Seconds are summed over its sandboxes:
    `seconds` all of it, `starts` each sandbox's start."""

    plan: Plan
    file: str
    results: list[Result] = field(default_factory=list)
    tasks: list[TaskResult] = field(default_factory=list)
    seconds: float = 0.0
    starts: list[float] = field(default_factory=list)

    @property
    def lesson(self) -> str:
        return self.plan.lesson.id

    @property
    def ok(self) -> bool:
        return not any(status in BAD for status in self.statuses)

    @property
    def statuses(self) -> list[Status]:
        return [*(result.status for result in self.results), *(result.status for result in self.tasks)]

    @property
    def whole(self) -> bool:
        """Whether nothing was left out, as an interrupted run leaves it."""
        return len(self.statuses) == self.plan.size


def file_of(lesson: Lesson) -> str:
    """Its page, relative to the repository."""
    return f"docs/{lesson.id}.md"


def choose(catalog: Catalog, pages: Sequence[str]) -> list[Lesson]:
    """The lessons whose page (`docs/…`, or a folder above it) is named, in the catalogue's order; all when none is.

    Raises NotFound for a name that is no lesson's.
    """
    if not pages:
        return list(catalog.lessons)
    chosen: set[str] = set()
    for page in pages:
        found = {one.id for one in catalog.lessons if page == "." or f"{file_of(one)}/".startswith(f"{page}/")}
        if not found:
            raise NotFound(
                f"{page} is no lesson's page.", "Lessons are docs/<module>/NN-name.md; name one, or a folder."
            )
        chosen |= found
    return [lesson for lesson in catalog.lessons if lesson.id in chosen]


def plan(lesson: Lesson, capabilities: Mapping[str, object], driver: str) -> Plan:
    """Every step and task, each with why it can't be run here, if so."""

    def lacking(needs: Sequence[str]) -> str:
        names = ", ".join(need for need in needs if not capabilities.get(need))
        return f"it needs {names}, which the driver {driver} doesn't have on this host" if names else ""

    def task(one: Task, alone: bool) -> PlannedTask:
        return PlannedTask(lesson.id, file_of(lesson), one, alone, lacking(one.needs))

    def page() -> Iterator[Planned | PlannedTask]:
        for i, block in enumerate(lesson.blocks):
            yield from (task(one, False) for one in lesson.tasks if one.after == i)
            for step in block.steps:
                skip = "it has a placeholder, which the learner fills in" if step.edit else lacking(step.needs)
                yield Planned(lesson.id, file_of(lesson), block, step, skip)
        yield from (task(one, False) for one in lesson.tasks if one.after >= len(lesson.blocks))

    return Plan(lesson, tuple(page()), tuple(task(one, True) for one in lesson.tasks))


def judge(planned: Planned, ran: Ran) -> Result:
    """Compare what a step that ended printed with what its page says, and with what it lets a learner predict."""
    step = planned.step
    if not matches(step.expect, ran.output):
        return Result(planned, Status.DIFFERS, ran)
    if not step.expect and ran.exit:
        return Result(planned, Status.FAILED, ran, "the page says nothing of its output (`...` would allow any)")
    if step.predict and step.predict.options and predictions.right(step.predict, ran.output) is None:
        return Result(planned, Status.NO_OPTION, ran, "no option of its prediction holds for what it printed")
    if step.predict and not step.predict.options and not any(plain(ran.output)):
        return Result(planned, Status.NO_OPTION, ran, "it prints nothing, so no answer to its prediction can be right")
    return Result(planned, Status.OK, ran)
