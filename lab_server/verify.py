"""Runs the course's steps and tasks in sandboxes, lesson beside lesson, and writes real output into pages where asked to.

Knows: the spawner's verbs, terminals by typist.py, scripts by scripts.py, pages as files. Doesn't know drivers; what to run, what is
right and how it is told is lessons/'s.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from lab_server import scripts
from lab_server.errors import LabError, NotFound, SpawnerGone
from lab_server.lessons.rewrite import rewrite
from lab_server.lessons.taskverdicts import unrun
from lab_server.lessons.verify import LessonRun, Plan, Planned, PlannedTask, Result, Status, TaskResult, file_of, judge
from lab_server.sandbox.client import SpawnerClient
from lab_server.typist import COLUMNS, ROWS, Hung, Lost, Stopped, Typist

PATIENCE = {"vm": 180.0}  # seconds for one step, by driver
USUAL_PATIENCE = 60.0
_ENGINE = re.compile(r"(?P<name>podman|docker)\D*(?P<version>\d+(?:\.\d+)+)", re.I)

Tell = Callable[[Result | TaskResult], None]
Items = Sequence[Planned | PlannedTask]


class Verifier:
    """Runs planned lessons with one spawner. `timeout` is seconds for a step, from the wait for its prompt on, and for a solution.

    `runs` is what is known so far, in the order of `plans`; `engine` names the learner's engine, where one was asked.
    """

    def __init__(
        self, client: SpawnerClient, root: Path, plans: Sequence[Plan], timeout: float, tell: Tell = lambda _: None
    ) -> None:
        self._client, self._root, self._timeout, self._tell = client, root, timeout, tell
        self.runs = [LessonRun(plan, file_of(plan.lesson)) for plan in plans]
        self.engine = ""
        self.workers = max(1, len(os.sched_getaffinity(0)))
        self._stop, self._stopper = os.pipe()
        self._stopping = False
        self._told = threading.Lock()
        self._asked = threading.Lock()

    def run(self) -> None:
        """Every lesson in a sandbox of its own, and its tasks by themselves in another, as many at once as there are cores.

        Whatever ends it early (Ctrl-C) is raised again once every sandbox is gone; `runs` has what came before.
        """
        jobs = [(run, items) for run in self.runs for items in (run.plan.page, run.plan.alone) if items]
        jobs.sort(key=lambda job: -len(job[1]))  # the longest first, so that none of them is left alone at the end
        try:
            with ThreadPoolExecutor(self.workers) as pool:
                try:
                    futures = [pool.submit(self._lesson, run, items) for run, items in jobs]
                    for future in futures:
                        future.result()
                except BaseException:
                    self._stopping = True
                    os.write(self._stopper, b"x")  # whoever types or waits for a script ends
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            os.close(self._stop)
            os.close(self._stopper)
            for run in self.runs:  # where lessons ran side by side, the tasks by themselves may have come first
                run.tasks.sort(key=lambda result: result.planned.alone)

    def _lesson(self, run: LessonRun, items: Items) -> None:
        began, done = time.monotonic(), 0
        try:
            if all(one.skip for one in items):
                for one in items:
                    self._add(run, _left(one, ""))
                return
            with made(self._client, run.plan.lesson.template) as sandbox:
                with self._told:
                    run.starts.append(time.monotonic() - began)
                self._ask_engine(run.plan, sandbox)
                for result in self._items(sandbox, items):
                    self._add(run, result)
                    done += 1
        except LabError as why:  # the sandbox could not be made, or went
            if self._stopping:
                raise Stopped from None
            for one in items[done:]:
                self._add(run, _left(one, str(why)))
        finally:
            with self._told:
                run.seconds += time.monotonic() - began

    def _add(self, run: LessonRun, result: Result | TaskResult) -> None:
        if self._stopping:
            raise Stopped  # what an ending sandbox makes of a script is no result
        with self._told:
            if isinstance(result, Result):
                run.results.append(result)
            else:
                run.tasks.append(result)
            self._tell(result)

    def _ask_engine(self, plan: Plan, sandbox: str) -> None:
        with self._asked:
            if not self.engine and "nested_engine" in plan.lesson.needs:
                asked = self._client.capture(sandbox, ["docker", "--version"], b"", 4096, self._timeout, self._stop)
                found = _ENGINE.search(asked.output.decode(errors="replace"))
                self.engine = f"{found['name'].lower()} {found['version']}" if found else ""

    def _items(self, sandbox: str, items: Items) -> Iterator[Result | TaskResult]:
        shells: dict[str, Typist] = {}
        try:
            for one in items:
                if one.skip:
                    yield _left(one, "")
                elif isinstance(one, PlannedTask):
                    yield scripts.prove(self._client, sandbox, self._root, one, self._timeout, self._stop)
                else:
                    yield self._step(sandbox, one, shells)
        finally:
            for shell in shells.values():
                shell.close()

    def _step(self, sandbox: str, one: Planned, shells: dict[str, Typist]) -> Result:
        session = one.step.session
        if session not in shells:
            shells[session] = self._open(sandbox, session)
        result = self._type(one, shells[session])
        if result.status in (Status.HUNG, Status.LOST):
            shells.pop(session).close()
            self._client.hangup(sandbox, session)  # the next step of this session gets a fresh shell
        return result

    def _open(self, sandbox: str, session: str) -> Typist:
        opened = self._client.open(sandbox, session, COLUMNS, ROWS)
        os.close(opened.ring)
        return Typist(opened.fd, self._stop)

    def _type(self, one: Planned, shell: Typist) -> Result:
        try:
            return judge(one, shell.run(one.step.command, self._timeout))
        except Hung as hung:
            what = "it did not end" if hung.typed else "its terminal came to no prompt"
            reason = f"{what} within {self._timeout:g} s; what follows in {one.step.session} has a fresh terminal"
            return Result(one, Status.HUNG, hung.ran, reason)
        except Lost as lost:
            return Result(one, Status.LOST, lost.ran, "its shell ended")


def _left(one: Planned | PlannedTask, why: str) -> Result | TaskResult:
    """Of what was not run: skipped, or `why`."""
    status = Status.SKIPPED if one.skip else Status.NOT_RUN
    if isinstance(one, PlannedTask):
        return unrun(one, status, one.skip or why)
    return Result(one, status, reason=one.skip or why)


@contextmanager
def made(client: SpawnerClient, template: str) -> Iterator[str]:
    """A fresh sandbox's id; the sandbox is gone at the end."""
    id_ = secrets.token_hex(8)
    try:
        client.create(id_, template, {"for": "labs"})
        yield id_
    finally:
        with suppress(SpawnerGone, NotFound):  # it went with its spawner
            client.destroy(id_)


def update(root: Path, run: LessonRun) -> tuple[LessonRun, int]:
    """Write what the steps that differ (or failed where nothing was promised) really printed into the lesson's page.

    The run as it stands then, and how many steps were written; what could not be says so in its reason.
    """
    file = root / run.file
    with file.open(encoding="utf-8", newline="") as opened:
        before = text = opened.read()
    results, written = [], 0
    for result in reversed(run.results):  # from the end, so that the lines before stay where they are
        if result.status in (Status.DIFFERS, Status.FAILED):
            one = result.planned
            changed = rewrite(text, one.lesson, one.block.id, one.step, result.ran.output)
            if changed is None:
                result = replace(result, reason="its output can't be written into this page; write it by hand")
            else:
                text, written = changed, written + 1
                result = replace(result, status=Status.OK, reason="its output was written into the page")
        results.append(result)
    if text != before:
        part = file.with_name(f".{file.name}.part")
        with part.open("w", encoding="utf-8", newline="") as opened:
            opened.write(text)
        part.chmod(file.stat().st_mode)
        part.replace(file)
    return replace(run, results=results[::-1]), written
