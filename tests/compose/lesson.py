"""A learner does a whole lesson: every step typed in page order into its session's terminal, and a task solved.

Knows lessons, and judges as `labs verify` does (lessons/verify.py); steps are typed by its own typist. Posts each step as the page does, so
that the server's verdict is compared too. Doesn't know how a terminal's bytes get here (page.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from lab_server.lessons import catalog
from lab_server.lessons.catalog import Lesson
from lab_server.lessons.report import broken
from lab_server.lessons.verify import BAD, Planned, Result, Status, judge, plan
from lab_server.typist import Hung, Lost, Typist
from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.compose.stack import CLONE, Failed, say

STEP_WITHIN = 180.0  # seconds, under emulation; as `labs verify` has it in a guest


class Desk:
    """A learner's terminals in one sandbox, a typist at each."""

    def __init__(self, learner: Learner, sandbox: str) -> None:
        self.learner, self.sandbox = learner, sandbox
        self._pages: dict[str, tuple[Page, Typist]] = {}
        self._stop, self._stopper = os.pipe()

    def type(self, one: Planned) -> Result:
        try:
            return judge(one, self.at(one.step.session).run(one.step.command, STEP_WITHIN))
        except Hung as hung:
            return Result(one, Status.HUNG, hung.ran, f"it did not end within {STEP_WITHIN:g} s")
        except Lost as lost:
            return Result(one, Status.LOST, lost.ran, "its shell ended, or its terminal")

    def at(self, session: str) -> Typist:
        if session not in self._pages:
            page = Page(self.learner, self.sandbox, session)
            self._pages[session] = page, Typist(page.descriptor(), self._stop)
        return self._pages[session][1]

    def close(self) -> None:
        for page, typist in self._pages.values():
            page.close()
            typist.close()
        os.close(self._stop)
        os.close(self._stopper)


def planned(learner: Learner, id: str) -> tuple[Lesson, Sequence[Planned]]:
    """The lesson, and its steps in page order. Raises Failed where this host is said to lack something."""
    (lesson,) = [one for one in catalog.load(CLONE).lessons if one.id == id]
    host = learner.call("GET", "/api/me")["host"]
    steps = [one for one in plan(lesson, host["capabilities"], host["driver"]).page if isinstance(one, Planned)]
    if skipped := [f"{one.name}: {one.skip}" for one in steps if one.skip]:
        raise Failed(f"{id} can't be run whole: {'; '.join(skipped)}")
    return lesson, steps


def typed(desk: Desk, lesson: Lesson, steps: Sequence[Planned]) -> None:
    """Raises Failed after the last one, where some were not as the page says."""
    wrong: list[str] = []
    for one in steps:
        result = desk.type(one)
        say(f"  {result.status:8} {result.seconds:6.1f} s  {result.place}  {one.step.command.splitlines()[0][:70]}")
        if result.status in BAD:
            wrong.append(broken(result))
        posted = {"lesson": lesson.id, "block": one.block.id, "step": one.step.n}
        posted |= {"exit": result.ran.exit, "output": result.ran.output[:32000]}
        matches = desk.learner.call("POST", "/api/progress/steps", posted)["matches"]
        if one.step.expect and matches is not (result.status not in BAD):
            wrong.append(f"{result.place}: the server says matches: {matches}")
    if wrong:
        raise Failed("steps that are not as the page says:\n" + "\n".join(wrong))


def solved(desk: Desk, lesson: Lesson, name: str) -> None:
    """The task is not passed, then its solution is typed, then it is. Raises Failed."""
    passed, hint = desk.learner.check(desk.sandbox, lesson.id, name)
    if passed or not hint:
        raise Failed(f"task {name}: passed before anything was done for it, or no hint ({hint!r})")
    task = lesson.task(name)
    script = (CLONE / task.files["solve"]).read_text()
    ran = desk.at("host").run(f"bash <<'solution'\n{script}solution", STEP_WITHIN)
    if ran.exit != 0:
        raise Failed(f"{task.files['solve']}: status {ran.exit}: {ran.output}")
    passed, after = desk.learner.check(desk.sandbox, lesson.id, name)
    if not passed:
        raise Failed(f"{task.files['check']}: not passed after its solution: {after}")
    say(f"  task {name}: {hint!r} before, passed after its solution")
