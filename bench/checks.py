"""What a task's check costs the server: processor time of its own two processes, web and spawner.

Knows the HTTP call of docs/develop/protocol.md. Doesn't count what the check itself does in the sandbox, nor the runtime's processes: they
are the sandbox's. Over HTTP the driver is the tests' plain PTY; what the spawner spends with the crun driver is measured apart.
"""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figures import Figure
from bench.ours import Ours
from bench.process import cpu_seconds
from bench.spawners import require, spawner
from lab_server.errors import LabError, Missing
from lab_server.lessons import catalog
from lab_server.lessons.checks import asking, program
from lab_server.lessons.tasks import Task
from lab_server.settings import ROOT

CALLS, CRUN_CALLS = 200, 50
LEARNERS = 20  # taking turns, so that no one of them asks too often


def measure(tell: Callable[[str], None]) -> list[Figure]:
    """Raises Missing where the course has no task."""
    found = [
        (lesson, task)
        for lesson in catalog.load(ROOT).lessons
        for task in lesson.tasks
        if not task.needs and "init" not in task.scripts
    ]
    if not found:
        raise Missing("No lesson has a task that could be checked here.")
    lesson, task = found[0]
    tell(f"checks: {CALLS} checks of {lesson.id}, {task.name}")
    with tempfile.TemporaryDirectory(prefix="labs-bench-") as place, contextlib.ExitStack() as held:
        ours = Ours(Path(place))
        held.callback(ours.stop)
        ours.start()
        askers = [ours.sandbox() for _ in range(LEARNERS)]
        connection = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=30)
        held.callback(connection.close)

        def ask(n: int) -> None:
            cookie, id_ = askers[n % LEARNERS]
            body = {"lesson": lesson.id, "tasks": [task.name]}
            status, answer, _ = ours.call(connection, "POST", f"/api/sandboxes/{id_}/check", cookie, body)
            assert status == 200, answer

        for n in range(LEARNERS):
            ask(n)
        before, begun = cpu_seconds(ours.pids), time.monotonic()
        for n in range(CALLS):
            ask(n)
        took, cpu = time.monotonic() - begun, cpu_seconds(ours.pids) - before
    return [
        Figure("checks", "server's own CPU for a check", cpu / CALLS * 1000, "ms", 20.0),
        Figure("checks", "a check, asked for to answered", took / CALLS * 1000, "ms", note="no sandbox around it"),
        _crun(task),
    ]


def _crun(task: Task) -> Figure:
    """What the spawner itself spends on a check with the crun driver, and the whole way without HTTP."""
    name = "spawner's own CPU for a check, crun driver"
    try:
        require("images/sandbox/etc")
        with spawner("crun") as running:
            running.client.create("benchchecks", "default", {})
            what = program([asking("check", task)])

            def ask() -> None:
                found = running.client.capture("benchchecks", what.argv, what.text, what.most, what.seconds)
                assert what.outcomes(found.output), found

            ask()
            before, begun = cpu_seconds([running.pid]), time.monotonic()
            for _ in range(CRUN_CALLS):
                ask()
            took, cpu = time.monotonic() - begun, cpu_seconds([running.pid]) - before
    except LabError as why:
        return Figure("checks", name, None, "ms", note=str(why))
    return Figure(
        "checks", name, cpu / CRUN_CALLS * 1000, "ms", note=f"{took / CRUN_CALLS * 1000:.0f} ms each, in a sandbox"
    )
