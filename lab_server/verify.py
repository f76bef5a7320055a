"""Runs the course's steps in sandboxes, lesson beside lesson, and writes real output into pages where asked to.

Knows: the spawner's verbs, terminals by typist.py, pages as files. Doesn't know drivers; what to run, what is right and
how it is told is lessons/verify.py's.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab_server.errors import LabError, NotFound, SpawnerGone
from lab_server.lessons.catalog import Lesson
from lab_server.lessons.rewrite import rewrite
from lab_server.lessons.verify import LessonRun, Planned, Result, Status, counts, file_of, judge
from lab_server.sandbox.client import SpawnerClient
from lab_server.typist import COLUMNS, ROWS, Hung, Lost, Typist

PATIENCE = {"vm": 180.0}  # seconds for one step, by driver
USUAL_PATIENCE = 60.0

Tell = Callable[[Result], None]


class Verifier:
    """Runs planned lessons with one spawner. `timeout` is seconds for a step, from the wait for its prompt on."""

    def __init__(self, client: SpawnerClient, timeout: float, tell: Tell = lambda _: None) -> None:
        self._client, self._timeout, self._tell = client, timeout, tell
        self._stop, self._stopper = os.pipe()
        self._told = threading.Lock()

    def run(self, plans: Sequence[tuple[Lesson, Sequence[Planned]]]) -> list[LessonRun]:
        """Every lesson in a sandbox of its own, as many at once as there are cores; results in the order of `plans`."""
        try:
            with ThreadPoolExecutor(max(1, len(os.sched_getaffinity(0)))) as pool:
                try:
                    futures = [pool.submit(self._lesson, lesson, planned) for lesson, planned in plans]
                    return [future.result() for future in futures]
                except BaseException:  # Ctrl-C too: everybody stops, each clears up, then it is passed on
                    os.write(self._stopper, b"x")
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            os.close(self._stop)
            os.close(self._stopper)

    def _lesson(self, lesson: Lesson, planned: Sequence[Planned]) -> LessonRun:
        began = time.monotonic()
        run = LessonRun(lesson.id, file_of(lesson))
        try:
            if all(one.skip for one in planned):
                self._add(run, (Result(one, Status.SKIPPED, reason=one.skip) for one in planned))
            else:
                with made(self._client, lesson.template) as sandbox:
                    self._add(run, self._steps(sandbox, planned))
        except LabError as why:  # the sandbox could not be made, or went
            self._add(run, (self._left(one, str(why)) for one in planned[len(run.results) :]))
        run.seconds = time.monotonic() - began
        return run

    def _add(self, run: LessonRun, results: Iterator[Result]) -> None:
        for result in results:
            run.results.append(result)
            with self._told:
                self._tell(result)

    @staticmethod
    def _left(one: Planned, why: str) -> Result:
        if one.skip:
            return Result(one, Status.SKIPPED, reason=one.skip)
        return Result(one, Status.NOT_RUN, reason=why)

    def _steps(self, sandbox: str, planned: Sequence[Planned]) -> Iterator[Result]:
        shells: dict[str, Typist] = {}
        try:
            for one in planned:
                if one.skip:
                    yield Result(one, Status.SKIPPED, reason=one.skip)
                    continue
                session = one.step.session
                if session not in shells:
                    shells[session] = self._open(sandbox, session)
                result = self._type(one, shells[session])
                yield result
                if result.status in (Status.HUNG, Status.LOST):
                    shells.pop(session).close()
                    self._client.hangup(sandbox, session)  # the next step of this session gets a fresh shell
        finally:
            for shell in shells.values():
                shell.close()

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
    return LessonRun(run.lesson, run.file, results[::-1], run.seconds), written


@contextmanager
def progress(console: Console, plans: Sequence[tuple[Lesson, Sequence[Planned]]]) -> Iterator[Tell]:
    """A bar of steps on a terminal; elsewhere a line whenever a lesson is through."""
    if console.is_terminal:
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim"),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("starting", total=sum(len(planned) for _, planned in plans))

            def advance(result: Result) -> None:
                one = result.planned
                bar.update(task, advance=1, description=f"{one.lesson} {one.block.id} {one.step.n}: {result.status}")

            yield advance
        return
    seen: dict[str, list[Result]] = {lesson.id: [] for lesson, _ in plans}
    total = {lesson.id: len(planned) for lesson, planned in plans}

    def line(result: Result) -> None:
        name = result.planned.lesson
        seen[name].append(result)
        if len(seen[name]) == total[name]:
            console.print(f"{name}: {counts(seen[name])}", markup=False, highlight=False, soft_wrap=True)

    yield line
