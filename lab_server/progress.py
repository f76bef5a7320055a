"""How far a verification is, as it goes.

Knows: plans and results. Doesn't know: how either comes about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lab_server.lessons.report import counts
from lab_server.lessons.verify import Plan, Result, TaskResult


@contextmanager
def progress(console: Console, plans: Sequence[Plan]) -> Iterator[Callable[[Result | TaskResult], None]]:
    """A bar of steps and tasks on a terminal; elsewhere a line whenever a lesson is through."""
    if console.is_terminal:
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim", markup=False),
        )
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("starting", total=sum(plan.size for plan in plans))

            def advance(result: Result | TaskResult) -> None:
                one = result.planned
                bar.update(task, advance=1, description=f"{one.lesson} {one.name}: {result.status}")

            yield advance
        return
    seen: dict[str, list[Result | TaskResult]] = {plan.lesson.id: [] for plan in plans}
    total = {plan.lesson.id: plan.size for plan in plans}

    def line(result: Result | TaskResult) -> None:
        name = result.planned.lesson
        seen[name].append(result)
        if len(seen[name]) == total[name]:
            steps = [one for one in seen[name] if isinstance(one, Result)]
            tasks = [one for one in seen[name] if isinstance(one, TaskResult)]
            console.print(f"{name}: {counts(steps, tasks)}", markup=False, highlight=False, soft_wrap=True)

    yield line
