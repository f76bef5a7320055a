"""What to run of a course, how each step fared, and the report of it.

Knows: lessons, steps, capabilities by name, and what counts as kept and as broken. Doesn't know: terminals, sandboxes, files. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lab_server.errors import NotFound
from lab_server.lessons.blocks import Block, Step
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.lessons.differences import diff
from lab_server.lessons.matching import matches

SLOWEST = 5  # steps that are named at the end
MOST_OUTPUT = 8192  # characters of a step's output in the machine-readable report


class Status(StrEnum):
    """How a step fared."""

    OK = "ok"
    DIFFERS = "differs"  # it printed something else than the page says
    FAILED = "failed"  # the page says nothing of its output, and its exit status was not 0
    HUNG = "hung"  # it did not end in time
    LOST = "lost"  # its shell ended, or its terminal broke
    NOT_RUN = "not-run"  # something before it went so wrong that it could not be typed
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


@dataclass(frozen=True)
class Ran:
    """What became of a step that was typed. `exit` is None where none was told; `inside`: it opened a shell, which waits."""

    output: str = ""
    exit: int | None = None
    inside: bool = False
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    planned: Planned
    status: Status
    ran: Ran = Ran()
    reason: str = ""  # a sentence, where the status doesn't say it all

    @property
    def place(self) -> str:
        return f"{self.planned.file}:{self.planned.step.line}"


@dataclass
class LessonRun:
    """One lesson's results, in page order. `seconds` has the sandbox's start and end in it."""

    lesson: str
    file: str
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not any(result.status in BAD for result in self.results)


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


def plan(lesson: Lesson, capabilities: Mapping[str, object], driver: str) -> list[Planned]:
    """Every step in page order, each with why it can't be run here, if so."""
    planned = []
    for block in lesson.blocks:
        for step in block.steps:
            lacking = [need for need in step.needs if not capabilities.get(need)]
            skip = ""
            if step.edit:
                skip = "it has a placeholder, which the learner fills in"
            elif lacking:
                skip = f"it needs {', '.join(lacking)}, which the driver {driver} doesn't have on this host"
            planned.append(Planned(lesson.id, file_of(lesson), block, step, skip))
    return planned


def judge(planned: Planned, ran: Ran) -> Result:
    """Compare what a step that ended printed with what its page says."""
    expect = planned.step.expect
    if not matches(expect, ran.output):
        return Result(planned, Status.DIFFERS, ran)
    if not expect and ran.exit:
        return Result(planned, Status.FAILED, ran, "the page says nothing of its output (`...` would allow any)")
    return Result(planned, Status.OK, ran)


def report(runs: Sequence[LessonRun], seconds: float) -> str:
    """For a person: what broke with its place and a diff, what was skipped, a line a lesson, where the time went."""
    results = [result for run in runs for result in run.results]
    parts = [broken(result) for result in results if result.status in BAD]
    parts += [_skipped(run) for run in runs if any(result.status is Status.SKIPPED for result in run.results)]
    parts.append("\n".join(_line(run) for run in runs))
    if slow := _slowest(results):
        parts.append("Slowest steps:\n" + "\n".join(f"  {one.ran.seconds:6.1f} s  {_name(one)}" for one in slow))
    verdict = "Every step that was run does what its page says." if all(run.ok for run in runs) else "Not verified."
    if not any(result.status is not Status.SKIPPED for result in results):
        verdict = "No step was run."
    parts.append(f"{verdict} {counts(results)}; {seconds:.1f} s.")
    return "\n\n".join(parts)


def broken(result: Result) -> str:
    """One step that went wrong: where, what was typed, how the output parts from the page."""
    step, ran = result.planned.step, result.ran
    reason = f": {result.reason}" if result.reason else ""
    head = f"{result.place}: {result.status}: block {result.planned.block.id}, step {step.n}{reason}"
    lines = [f"{step.session}$ {step.command}".replace("\n", "\n> ")]
    if result.status is Status.DIFFERS:
        lines.append(diff(step.expect, ran.output))
    elif result.status is not Status.NOT_RUN:
        lines.append(diff("", ran.output) or "(it printed nothing)")
    if ran.exit is not None:
        lines.append(f"exit status {ran.exit}")
    return "\n".join([head, *(f"    {line}".rstrip() for line in "\n".join(lines).split("\n"))])


def counts(results: Iterable[Result]) -> str:
    """Such as "11 ok, 1 differs"."""
    found = Counter(result.status for result in results)
    return ", ".join(f"{found[status]} {status}" for status in Status if found[status]) or "no steps"


def _skipped(run: LessonRun) -> str:
    skipped = [result for result in run.results if result.status is Status.SKIPPED]
    return "\n".join(
        f"{one.place}: skipped: block {one.planned.block.id}, step {one.planned.step.n}: {one.reason}"
        for one in skipped
    )


def _line(run: LessonRun) -> str:
    return f"{run.lesson}: {counts(run.results)}; {run.seconds:.1f} s"


def _slowest(results: Iterable[Result]) -> list[Result]:
    ran = [result for result in results if result.ran.seconds]
    return sorted(ran, key=lambda result: -result.ran.seconds)[:SLOWEST]


def _name(result: Result) -> str:
    command = result.planned.step.command.split("\n")[0]
    short = command if len(command) <= 60 else f"{command[:59]}…"
    return f"{result.place} block {result.planned.block.id}, step {result.planned.step.n}: {short}"


def as_json(runs: Sequence[LessonRun]) -> dict[str, object]:
    """For a machine: {"ok", "counts": {status: n}, "lessons": [{"id", "file", "ok", "seconds", "steps": […]}]}."""
    found = Counter(result.status.value for run in runs for result in run.results)
    lessons = [
        {
            "id": run.lesson,
            "file": run.file,
            "ok": run.ok,
            "seconds": round(run.seconds, 3),
            "steps": [_step_json(result) for result in run.results],
        }
        for run in runs
    ]
    return {"ok": all(run.ok for run in runs), "counts": dict(found), "lessons": lessons}


def _step_json(result: Result) -> dict[str, object]:
    step, ran = result.planned.step, result.ran
    return {
        "block": result.planned.block.id,
        "step": step.n,
        "file": result.planned.file,
        "line": step.line,
        "session": step.session,
        "command": step.command,
        "status": result.status.value,
        "reason": result.reason,
        "exit": ran.exit,
        "inside": ran.inside,
        "seconds": round(ran.seconds, 3),
        "expect": step.expect,
        "output": ran.output[:MOST_OUTPUT],
        "diff": diff(step.expect, ran.output) if result.status is Status.DIFFERS else "",
    }
