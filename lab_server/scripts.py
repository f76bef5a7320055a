"""Runs a task's scripts in a sandbox, all of them in one go, and says how the task fares.

Knows: the spawner's `capture`, bash on this host. Doesn't know: what a script has to do (lessons/taskverdicts.py), how it is
wrapped (lessons/checks.py).
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from lab_server.errors import LabError
from lab_server.lessons import taskfiles
from lab_server.lessons.checks import Job, program
from lab_server.lessons.taskverdicts import fault, phases, syntax, unrun
from lab_server.lessons.verify import PlannedTask, Status, TaskResult
from lab_server.sandbox.client import SpawnerClient


def prove(
    client: SpawnerClient, sandbox: str, root: Path, planned: PlannedTask, patience: float, stop: int = -1
) -> TaskResult:
    """Check, solve and check again. `patience` is seconds for the solution; the other scripts have the task's own.

    All of it ends when the descriptor `stop` has something to read; then the result says nothing. Raises what `capture` raises.
    """
    task = planned.task
    try:
        texts = {kind: taskfiles.script(root, file) for kind, file in task.files.items()}
    except LabError as why:  # it was there when the course was read
        return unrun(planned, Status.NOT_RUN, str(why))
    if (bash := shutil.which("bash")) is not None:
        for kind, text in texts.items():
            if complaint := _complaint(bash, text):
                return syntax(planned, kind, complaint)
    within = {phase: int(patience) or 1 if phase.kind == "solve" else task.timeout for phase in phases(task)}
    jobs = [Job(phase.name, texts[phase.kind], within[phase], errors=True) for phase in within]
    what = program(jobs)
    outcomes = what.outcomes(client.capture(sandbox, what.argv, what.text, what.most, what.seconds, stop).output)
    seconds = sum(outcome.seconds for outcome in outcomes.values())
    for phase in within:
        outcome = outcomes.get(phase.name)
        if outcome is None:
            return replace(unrun(planned, Status.LOST, "the sandbox gave no answer"), seconds=seconds)
        if found := fault(planned, phase, outcome, within[phase]):
            return replace(found, seconds=seconds)
    return TaskResult(planned, Status.OK, f"{planned.file}:{task.line}", seconds=seconds)


def _complaint(bash: str, text: str) -> str:
    done = subprocess.run([bash, "-n"], input=text, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
