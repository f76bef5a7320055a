"""How a task fares: which of its scripts are run, in which order, and what each has to do.

Knows: what check, solve and hint owe an author, and how bash names a line. Doesn't know: sandboxes, files. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lab_server.lessons.checks import Outcome
from lab_server.lessons.tasks import Task
from lab_server.lessons.verify import PlannedTask, Status, TaskResult

_LINE = re.compile(r"^\S+: line (?P<line>\d+): ", re.M)  # as bash names what it complains of
_BROKEN = 126  # from here on it is bash that says so: not executable, not found, killed


@dataclass(frozen=True)
class Phase:
    """One run of a script: `kind` is which, `when` is said of it in words."""

    name: str
    kind: str
    when: str = ""


BEFORE, AFTER = Phase("before", "check", "before the task is solved"), Phase("after", "check", "after solve.sh")
HINT, SOLVE, INIT = Phase("hint", "hint"), Phase("solve", "solve"), Phase("init", "init")


def phases(task: Task) -> Iterator[Phase]:
    """What to run, in order; the first that isn't as it must be is the last."""
    if "init" in task.files:
        yield INIT
    yield from (BEFORE, HINT, SOLVE, AFTER)


def fault(planned: PlannedTask, phase: Phase, ended: Outcome, within: float) -> TaskResult | None:
    """What is wrong with this run of a script; None where it did what it has to. `ended` has its errors in what it said."""
    told = _LINE.findall(ended.said)
    place = f"{planned.task.files[phase.kind]}:{told[-1] if told else 1}"
    words = "\n".join(line for line in ended.said.split("\n") if line and not _LINE.search(line))
    name, when = f"{phase.kind}.sh", f" {phase.when}" if phase.when else ""

    def result(status: Status, reason: str) -> TaskResult:
        return TaskResult(planned, status, place, reason, ended.said)

    if ended.timed_out:
        return result(Status.HUNG, f"{name} did not end within {within:g} s{when}")
    if ended.code >= _BROKEN:
        return result(Status.FAILED, f"{name} is broken: exit status {ended.code}{when}")
    if phase is BEFORE:
        if ended.code == 0:
            return result(Status.FAILED, "check.sh passes before the task is solved")
        if not words:
            return result(Status.FAILED, "check.sh fails, as it must here, and says nothing of what is missing")
        return None
    if phase is AFTER:
        return result(Status.FAILED, "check.sh fails after solve.sh") if ended.code else None
    if ended.code:
        return result(Status.FAILED, f"{name} fails: exit status {ended.code}")
    if phase is HINT and not words:
        return result(Status.FAILED, "hint.sh says nothing while the task is not solved")
    return None


def syntax(planned: PlannedTask, kind: str, complaint: str) -> TaskResult:
    """The result of a task with a script of which `bash -n` complains."""
    told = _LINE.findall(complaint)
    place = f"{planned.task.files[kind]}:{told[0] if told else 1}"
    return TaskResult(planned, Status.FAILED, place, f"bash can't read {kind}.sh", complaint.strip())


def unrun(planned: PlannedTask, status: Status, reason: str) -> TaskResult:
    """Of a task that was skipped or could not be run."""
    return TaskResult(planned, status, f"{planned.file}:{planned.task.line}", reason)
