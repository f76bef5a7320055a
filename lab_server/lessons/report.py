"""The report of a verification, for a person and for a machine.

Knows: results, and how they read. Doesn't know: how they came about. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from lab_server.lessons.differences import diff
from lab_server.lessons.verify import BAD, LessonRun, Result, Status, TaskResult

SLOWEST = 5  # of each kind that are named at the end
MOST_OUTPUT = 8192  # characters of a step's output in the machine-readable report


def report(runs: Sequence[LessonRun], seconds: float, workers: int = 1) -> str:
    """For a person: what broke with its place and a diff, what was skipped, a line a lesson, where the time went."""
    results = [result for run in runs for result in run.results]
    tasks = [result for run in runs for result in run.tasks]
    everything: list[Result | TaskResult] = [*results, *tasks]
    parts = [broken(result) for result in everything if result.status in BAD]
    parts += [text for run in runs if (text := _skipped(run))]
    parts.append("\n".join(f"{run.lesson}: {counts(run.results, run.tasks)}; {run.seconds:.1f} s" for run in runs))
    if any(run.starts for run in runs):
        parts.append(times(runs, seconds, workers))
    if not all(run.whole for run in runs):
        verdict = f"Interrupted: {len(everything)} of {sum(run.plan.size for run in runs)} were run."
    elif not all(run.ok for run in runs):
        verdict = "Not verified."
    elif all(result.status is Status.SKIPPED for result in everything):
        verdict = "No step was run."
    else:
        verdict = "Every step that was run does what its page says."
    parts.append(f"{verdict} {counts(results, tasks)}; {seconds:.1f} s.")
    return "\n\n".join(parts)


def broken(result: Result | TaskResult) -> str:
    """One thing that went wrong: where, what was run, how the output parts from the page."""
    reason = f": {result.reason}" if result.reason else ""
    head = f"{result.place}: {result.status}: {result.planned.name}{reason}"
    lines = _step_lines(result) if isinstance(result, Result) else _task_lines(result)
    return "\n".join([head, *(f"    {line}".rstrip() for line in "\n".join(lines).split("\n"))]).rstrip()


def _step_lines(result: Result) -> list[str]:
    step, ran = result.planned.step, result.ran
    lines = [f"{step.session}$ {step.command}".replace("\n", "\n> ")]
    if result.status is Status.NO_OPTION and step.predict:
        options = [f"{one.text} => {one.pattern}" if one.pattern else one.text for one in step.predict.options]
        lines += [step.predict.question, *(f"| {option}" for option in options)]
    if result.status is Status.DIFFERS:
        lines.append(diff(step.expect, ran.output))
    elif result.status is not Status.NOT_RUN:
        lines.append(diff("", ran.output) or "(it printed nothing)")
    if ran.exit is not None:
        lines.append(f"exit status {ran.exit}")
    return lines


def _task_lines(result: TaskResult) -> list[str]:
    if result.status is Status.NOT_RUN:
        return []
    return [f"it said: {result.said}".replace("\n", "\n         ") if result.said else "(it said nothing)"]


def counts(results: Iterable[Result], tasks: Iterable[TaskResult] = ()) -> str:
    """Such as "11 ok, 1 differs; tasks, twice each: 6 ok"."""
    steps, done = _counted(result.status for result in results), _counted(result.status for result in tasks)
    return "; ".join([steps or "no steps", *([f"tasks, twice each: {done}"] if done else [])])


def _counted(statuses: Iterable[Status]) -> str:
    found = Counter(statuses)
    return ", ".join(f"{found[status]} {status}" for status in Status if found[status])


def _skipped(run: LessonRun) -> str:
    everything: list[Result | TaskResult] = [
        *run.results,
        *(result for result in run.tasks if not result.planned.alone),
    ]
    skipped = [one for one in everything if one.status is Status.SKIPPED]
    return "\n".join(f"{one.place}: skipped: {one.planned.name}: {one.reason}" for one in skipped)


def times(runs: Sequence[LessonRun], seconds: float, workers: int) -> str:
    """Where the time went: by kind, and the slowest of each."""
    starts = [start for run in runs for start in run.starts]
    steps = [result for run in runs for result in run.results if result.seconds]
    tasks = [result for run in runs for result in run.tasks if result.seconds]
    total = sum(run.seconds for run in runs)
    known = [
        (sum(starts), f"starting {len(starts)} sandboxes, {max(starts):.1f} s at the most"),
        (sum(one.seconds for one in steps), f"typing {len(steps)} steps"),
        (sum(one.seconds for one in tasks), f"running {len(tasks)} tasks"),
    ]
    known.append((max(0.0, total - sum(spent for spent, _ in known)), "waiting for prompts, and ending sandboxes"))
    lines = [f"Where the time went: {seconds:.1f} s, with {workers} at once"]
    lines += [f"  {spent:6.1f} s  {what}" for spent, what in known]
    lessons = [(run.seconds, run.lesson) for run in runs] if len(runs) > 1 else []
    for title, found in (
        ("Slowest lessons:", lessons),
        ("Slowest steps:", [(one.seconds, f"{one.place} {one.planned.name}: {_short(one)}") for one in steps]),
        ("Slowest tasks:", [(one.seconds, f"{one.place} {one.planned.name}") for one in tasks]),
    ):
        if found:
            lines += [title, *(f"  {spent:6.1f} s  {what}" for spent, what in sorted(found, reverse=True)[:SLOWEST])]
    return "\n".join(lines)


def _short(result: Result) -> str:
    command = result.planned.step.command.split("\n")[0]
    return command if len(command) <= 60 else f"{command[:59]}…"


def as_json(runs: Sequence[LessonRun]) -> dict[str, object]:
    """For a machine: {"ok", "counts": {status: n}, "task_counts": …, "lessons": [{"id", "file", "ok", "whole", "seconds", "starts",
    "steps": […], "tasks": […]}]}. Seconds are summed over a lesson's sandboxes; `starts` has each sandbox's."""
    lessons = [
        {
            "id": run.lesson,
            "file": run.file,
            "ok": run.ok,
            "whole": run.whole,
            "seconds": round(run.seconds, 3),
            "starts": [round(start, 3) for start in run.starts],
            "steps": [_step_json(result) for result in run.results],
            "tasks": [_task_json(result) for result in run.tasks],
        }
        for run in runs
    ]
    return {
        "ok": all(run.ok and run.whole for run in runs),
        "counts": _plain_counts(result.status for run in runs for result in run.results),
        "task_counts": _plain_counts(result.status for run in runs for result in run.tasks),
        "lessons": lessons,
    }


def _plain_counts(statuses: Iterable[Status]) -> Mapping[str, int]:
    return dict(Counter(status.value for status in statuses))


def _place(place: str) -> dict[str, object]:
    file, _, line = place.rpartition(":")
    return {"file": file, "line": int(line)}


def _step_json(result: Result) -> dict[str, object]:
    step, ran = result.planned.step, result.ran
    return {
        "block": result.planned.block.id,
        "step": step.n,
        **_place(result.place),
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


def _task_json(result: TaskResult) -> dict[str, object]:
    return {
        "task": result.planned.task.name,
        "alone": result.planned.alone,
        **_place(result.place),
        "status": result.status.value,
        "reason": result.reason,
        "said": result.said[:MOST_OUTPUT],
        "seconds": round(result.seconds, 3),
    }
