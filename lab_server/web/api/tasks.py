"""A task in a learner's sandbox: is it done, and what comes next. The answers hold what scripts print, never scripts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from lab_server.errors import BadInput, Conflict
from lab_server.web.api.parts import Joined, Parts, Who
from lab_server.web.models import ERRORS, CheckIn, CheckOut, Error, HintIn, HintOut, SandboxPath, TaskChecked
from lab_server.web.models_progress import TOO_MANY

NOT_READY: dict[int | str, dict[str, Any]] = {409: {"model": Error, "description": "The sandbox is not ready"}}
router = APIRouter(prefix="/api/sandboxes", tags=["tasks"], responses=ERRORS | TOO_MANY | NOT_READY)


@router.post("/{id}/check")
async def check(id: SandboxPath, asked: CheckIn, parts: Joined, who: Who) -> CheckOut:
    """Run these tasks' checks, in the order asked. What passes is kept."""
    if len(set(asked.tasks)) < len(asked.tasks):
        raise BadInput("The field 'tasks' names a task twice.")
    lesson = parts.catalog.lesson(asked.lesson)
    tasks = [lesson.task(name) for name in asked.tasks]
    await _ready(parts, who.id, id)
    if not asked.auto:
        parts.leases.touch(id)
    found = await parts.checks.check(who.id, id, lesson, tasks)
    for one in found:
        if one.passed:
            await parts.progress.passed(who.id, lesson.id, one.task)
    return CheckOut(tasks=[TaskChecked(task=one.task, passed=one.passed, hint=one.hint) for one in found])


@router.post("/{id}/hint")
async def hint(id: SandboxPath, asked: HintIn, parts: Joined, who: Who) -> HintOut:
    """What the task's hint script says of the sandbox as it is now."""
    lesson = parts.catalog.lesson(asked.lesson)
    task = lesson.task(asked.task)
    await _ready(parts, who.id, id)
    parts.leases.touch(id)
    return HintOut(task=task.name, hint=await parts.checks.hint(who.id, id, lesson, task))


async def _ready(parts: Parts, learner: str, id: str) -> None:
    lease = await parts.leases.get(learner, id)
    if lease.state != "ready":
        raise Conflict(f"Your sandbox is not ready: {lease.detail}", "Try again when it is.")
