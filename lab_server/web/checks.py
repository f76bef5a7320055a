"""Tasks' checks and hints, run in learners' sandboxes.

Knows which scripts answer a question, what a learner is told of how they ended, and how often may be asked. Doesn't know HTTP, who may
use which sandbox, or what solves a task: that script isn't in the catalogue. How scripts are run is lessons/checks.py's, and so is what
an answer is worth: the learner is root of the sandbox, and can deceive nobody but themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from lab_server.errors import Refused
from lab_server.lessons import checks
from lab_server.lessons.catalog import Lesson
from lab_server.lessons.checks import Job, Outcome
from lab_server.lessons.tasks import Task
from lab_server.web.faults import TooMany
from lab_server.web.service import Service
from lab_server.web.throttle import Throttle

BURST, EVERY = 20, 1.0  # calls of one learner: so many at once, one more every so many seconds
IN_LINE = 4  # calls for one sandbox, the one that is answered included

NOT_DONE = "This is not done yet."
NO_HINT = "There is no hint for this now."
NO_ANSWER = "The sandbox gave no answer. If bash, /dev or /proc were changed there, reset it."
NOT_PREPARED = "This task could not be prepared in your sandbox. Reset it, and try again."


@dataclass(frozen=True)
class Checked:
    """`hint` says what is missing; "" where the task is passed."""

    task: str
    passed: bool
    hint: str


class Checks:
    """One for the whole server."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._often = Throttle(BURST, EVERY, "You ask for checks very often.")
        self._turns: dict[str, asyncio.Lock] = {}
        self._waiting: Counter[str] = Counter()
        self.run = self.passed = 0  # checks of a task, and those of them that it passed

    async def check(self, learner: str, sandbox: str, lesson: Lesson, tasks: Sequence[Task]) -> list[Checked]:
        """Run these tasks' checks, all in one go. Raises Refused for what this host can't do, TooMany, what the spawner says."""
        outcomes = await self._ask("check", learner, sandbox, lesson, tasks)
        found = [_checked(task, outcomes) for task in tasks]
        self.run += len(found)
        self.passed += sum(one.passed for one in found)
        return found

    async def hint(self, learner: str, sandbox: str, lesson: Lesson, task: Task) -> str:
        """What the task's hint script says now. Raises as `check`."""
        outcomes = await self._ask("hint", learner, sandbox, lesson, [task])
        told = outcomes.get(f"hint/{task.name}")
        return _trouble("hint", task, outcomes) or (told.said if told else "") or NO_HINT

    async def _ask(
        self, kind: str, learner: str, sandbox: str, lesson: Lesson, tasks: Sequence[Task]
    ) -> Mapping[str, Outcome]:
        self._often.take(learner)
        await self._able(tasks)
        jobs: list[Job] = []
        for task in tasks:
            jobs += [*checks.preparing(lesson.id, task), checks.asking(kind, task)]
        async with self._turn(sandbox):
            program = checks.program(jobs)
            captured = await self._service.capture(sandbox, program.argv, program.text, program.most, program.seconds)
        return program.outcomes(captured.output)

    async def _able(self, tasks: Sequence[Task]) -> None:
        info = await self._service.info()
        for task in tasks:
            if lacking := [need for need in task.needs if not info["capabilities"].get(need)]:
                raise Refused(
                    f"The task {task.name} needs {', '.join(lacking)}, which this host's driver doesn't have.",
                    "The course has tasks that do without.",
                )

    @contextlib.asynccontextmanager
    async def _turn(self, sandbox: str) -> AsyncIterator[None]:
        """One program at a time in a sandbox: the others wait, up to a few."""
        if self._waiting[sandbox] >= IN_LINE:
            raise TooMany("Several checks of this sandbox are under way.", "Wait for one to end.")
        self._waiting[sandbox] += 1
        try:
            async with self._turns.setdefault(sandbox, asyncio.Lock()):
                yield
        finally:
            self._waiting[sandbox] -= 1
            if not self._waiting[sandbox]:
                del self._waiting[sandbox], self._turns[sandbox]


def _checked(task: Task, outcomes: Mapping[str, Outcome]) -> Checked:
    found = outcomes.get(f"check/{task.name}")
    if found and found.code == 0:
        return Checked(task.name, True, "")
    return Checked(task.name, False, _trouble("check", task, outcomes) or (found.said if found else "") or NOT_DONE)


def _trouble(kind: str, task: Task, outcomes: Mapping[str, Outcome]) -> str:
    """Why a script could not say what it should, if so."""
    prepared, found = outcomes.get(f"init/{task.name}"), outcomes.get(f"{kind}/{task.name}")
    if prepared and prepared.code:
        return NOT_PREPARED
    if found is None:
        return NO_ANSWER
    if found.timed_out:
        return f"The {kind} did not end within {task.timeout} seconds. Is something in your sandbox keeping it busy?"
    return ""
