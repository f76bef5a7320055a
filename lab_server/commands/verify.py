"""`labs verify`: a course's lessons run and compared, told to a person or a machine, and noted.

Knows options, and what is told and kept of a run. Doesn't know how a lesson is run (lab_server/verify.py) or judged (lessons/verify.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lab_server import settings
from lab_server.commands import common
from lab_server.commands.common import Data, Driver, note, spawner, tell
from lab_server.errors import Conflict

if TYPE_CHECKING:
    from lab_server.lessons.verify import LessonRun


def verify(
    pages: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH]…", help="Pages of lessons, or folders of them; all when left out."),
    ] = None,
    driver: Driver = None,
    data: Data = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the results as JSON to standard output.")] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Write what failing steps really print into their pages, to be reviewed.")
    ] = False,
    record: Annotated[
        bool, typer.Option("--record", help="Note what passed in labs/verified.json too, to be committed.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.1, help="Seconds a step or a solution may take (60; 180 with the vm driver).", show_default=False
        ),
    ] = None,
) -> None:
    """Run every step and every task of every lesson in fresh sandboxes, and compare with what the pages say.

    Steps are typed into terminals. A task's check must fail before its solution and pass after it: in its place in the page, and again
    where no step was run. Exit status 1 when anything differs, hangs or can't be run; what this host can't run is skipped, and named.
    Lessons that pass say so on their pages from then on.
    """
    from lab_server import verify as verifying
    from lab_server.build import verified
    from lab_server.lessons import catalog, report
    from lab_server.lessons import verify as planning
    from lab_server.progress import progress

    chosen = settings.load(driver=driver, data=data)
    courses = catalog.load(common.ROOT)
    lessons = planning.choose(courses, [_within(page) for page in pages or []])
    digests = {
        lesson.id: verified.sources(common.ROOT, lesson.id) for lesson in lessons
    }  # of what is run, not of later
    began, started = time.monotonic(), datetime.now(UTC)
    with spawner(chosen, courses) as client:
        info = client.info()
        name = str(info["driver"])
        if driver not in (None, "auto", name):
            raise Conflict(
                f"The course is being served with the driver {name}, not {driver}.", "Stop it, or drop --driver."
            )
        plans = [planning.plan(lesson, info["capabilities"], name) for lesson in lessons]
        patience = timeout or verifying.PATIENCE.get(name, verifying.USUAL_PATIENCE)
        interrupted: BaseException | None = None
        with progress(Console(stderr=True), plans) as told:
            verifier = verifying.Verifier(client, common.ROOT, plans, patience, told)
            try:
                verifier.run()
            except (KeyboardInterrupt, SystemExit) as why:
                interrupted = why
    seconds, runs, after = time.monotonic() - began, verifier.runs, verifier.runs
    if update:
        updates = [verifying.update(common.ROOT, run) for run in runs]
        after = [run for run, _ in updates]
        note(f"Written into pages: {sum(written for _, written in updates)} steps' output. Review it: git diff docs")
    if as_json:
        about = {key: info[key] for key in ("driver", "reason", "capabilities", "facts")} | {"engine": verifier.engine}
        head = {"version": 1, "started": started.isoformat(timespec="seconds"), "seconds": round(seconds, 3)}
        tell(json.dumps(head | {"updated": update} | about | report.as_json(after), indent=1))
    else:
        tell(f"Driver: {name} ({info['reason']})\n\n{report.report(after, seconds, verifier.workers)}")
    engine = str(info["facts"].get("engine", verifier.engine))
    passed = _passed(runs, digests, started, info, engine)
    failed = [run.lesson for run in runs if not run.ok]
    files = verified.keep(common.ROOT, chosen.data, passed, failed, record=record)
    if record:
        note(f"Noted in {files[-1].relative_to(common.ROOT)}: {len(passed)} lessons that passed, to be committed.")
    if interrupted:
        raise interrupted
    if not all(run.ok for run in after):
        raise typer.Exit(1)


def _passed(
    runs: Sequence[LessonRun], digests: dict[str, str], day: datetime, info: dict[str, Any], engine: str
) -> dict[str, Any]:
    """What is noted of the lessons that were run whole and passed."""
    from lab_server.lessons.manifest import Verified
    from lab_server.lessons.verify import Status

    found = {}
    for run in runs:
        steps = [result.status for result in run.results]
        tasks = [result.status for result in run.tasks if not result.planned.alone]
        if run.ok and run.whole and Status.OK in (*steps, *tasks):
            found[run.lesson] = Verified(
                day.date(),
                digests[run.lesson],
                str(info["driver"]),
                str(info["facts"].get("kernel", "")),
                engine,
                steps.count(Status.OK),
                tasks.count(Status.OK),
                steps.count(Status.SKIPPED),
                tasks.count(Status.SKIPPED),
            )
    return found


def _within(page: Path) -> str:
    """A path as it is named below the repository, or as it was given where it isn't there."""
    place = page.resolve()
    return place.relative_to(common.ROOT).as_posix() if place.is_relative_to(common.ROOT) else str(page)
