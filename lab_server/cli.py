"""The `labs` command: words in, words out.

Knows commands, options and how failures are told to a person: one line on stderr with the remedy, exit status 1 (2 for wrong
usage), never a traceback. Doesn't know how anything is done.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab_server import __version__, settings
from lab_server.errors import Conflict, LabError, SpawnerGone
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT, Settings

if TYPE_CHECKING:
    from lab_server.lessons.catalog import Catalog

HELP = f"""A course you can run: lessons about containers whose every block runs live.

[bold]labs serve[/bold] is all a learner needs: it builds what is missing, opens the course on
http://127.0.0.1:8000 and gives everybody who visits a small machine of their own.

Settings are environment variables ({", ".join(f"LABS_{name.upper()}" for name in ("host", "port", "driver", "data"))}, …);
an option of the same name goes first. `labs serve --help` lists them all.
"""
app = typer.Typer(
    help=HELP, no_args_is_help=True, rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False
)


def _field(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.relative_to(ROOT) if isinstance(field.default, Path) else field.default
    return f"{field.description} (LABS_{name.upper()}; {default})"


def _settings_help() -> str:
    """Every setting, as the environment variable it is."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, Path):
            default = default.relative_to(ROOT)
        text = ", ".join(default) if isinstance(default, tuple) else str(default)
        lines.append(f"[bold]LABS_{name.upper()}[/bold] {field.description} [dim]({text or 'none'})[/dim]")
    return "\n\n".join(lines)


Host = Annotated[str | None, typer.Option(help=_field("host"), show_default=False)]
Port = Annotated[int | None, typer.Option(help=_field("port"), show_default=False)]
Driver = Annotated[str | None, typer.Option(help=_field("driver"), show_default=False)]
Data = Annotated[Path | None, typer.Option(help=_field("data"), show_default=False)]
Install = Annotated[
    bool, typer.Option("--install-missing", help="Install Debian packages that are missing (needs root).")
]
Lesson = Annotated[str | None, typer.Option(help="A sandbox as this lesson has it: an id such as concepts/02-…")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"labs {__version__}")
        raise typer.Exit


@app.callback()
def _labs(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


def _tell(line: str) -> None:
    print(line, flush=True)


def _note(line: str) -> None:
    """For commands whose standard output belongs to somebody else."""
    print(line, file=sys.stderr, flush=True)


@app.command(epilog=f"[bold]Settings[/bold], from the environment:\n\n{_settings_help()}")
def serve(
    host: Host = None, port: Port = None, driver: Driver = None, data: Data = None, install_missing: Install = False
) -> None:
    """Serve the course: build what is stale, then run until Ctrl-C.

    Prints a line starting `ready:` with the address once a sandbox can be had. Ctrl-C or SIGTERM ends it and leaves no process,
    mount, cgroup or guest behind.
    """
    from lab_server import supervise
    from lab_server.lessons import catalog
    from lab_server.sandbox import host as hosts

    chosen = settings.load(host=host, port=port, driver=driver, data=data)
    listener = supervise.listen(chosen.host, chosen.port)
    choice = hosts.choose(chosen.driver)
    _tell(f"Driver: {choice.driver} ({choice.reason})")
    templates = catalog.templates(catalog.load(ROOT))
    _prepare(chosen, choice.driver, install_missing, Console())
    supervise.Supervisor(chosen, listener, choice.driver, choice.reason, _tell, templates).run()


def _prepare(chosen: Settings, driver: str, install: bool, console: Console, with_site: bool = True) -> None:
    """Everything built that is needed, and the packages for it there. Raises Missing, BuildFailed, HostFull."""
    from lab_server import builds
    from lab_server.build import needs
    from lab_server.errors import HostFull, Missing

    try:
        chosen.data.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise HostFull(
            f"The folder {chosen.data} can't be made: {why.strerror}.", "Set LABS_DATA to another."
        ) from None
    lacking = builds.packages(driver, ROOT, chosen.data)
    if lacking and install:
        builds.run([builds.Job("packages", lambda told: needs.install_missing(lacking, told))], console)
    elif lacking:
        raise Missing(f"Not installed: {', '.join(lacking)}.", f"As root: apt-get install {' '.join(lacking)}")
    builds.run(builds.jobs(ROOT, chosen.data, driver, with_site=with_site), console)


@app.command()
def doctor(data: Data = None) -> None:
    """Say what this host can do, each line with what to do about it. Changes nothing; exit status 1 when something is in the way."""
    from lab_server.sandbox import host as hosts

    chosen = settings.load(data=data)
    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    checks = hosts.checks(chosen.data)
    for check in checks:
        mark = {True: "[green]ok[/green]", False: "[red]no[/red]", None: "[yellow]–[/yellow]"}[check.ok]
        table.add_row(mark, check.name, check.found)
        if check.remedy:
            table.add_row("", "", f"[dim]{check.remedy}[/dim]")
    console = Console()
    console.print(table)
    choice = hosts.choose(chosen.driver)
    console.print(f"\nDriver: [bold]{choice.driver}[/bold] ({choice.reason})")
    if any(check.ok is False for check in checks):
        raise typer.Exit(1)


@app.command()
def build(
    driver: Driver = None,
    data: Data = None,
    install_missing: Install = False,
    force: Annotated[bool, typer.Option("--force", help="build all of it anew, even what is up to date")] = False,
) -> None:
    """Build the site and the learners' machine, with progress. Only what is stale is built; `labs serve` does it too."""
    from lab_server.sandbox import host as hosts

    chosen = settings.load(driver=driver, data=data)
    if force:
        for note in ("images/manifest.json", "guest/manifest.json", "site.inputs"):
            (chosen.data / note).unlink(missing_ok=True)
    choice = hosts.choose(chosen.driver)
    _prepare(chosen, choice.driver, install_missing, Console())
    _tell(f"Built in {chosen.data} for the driver {choice.driver}.")


@contextmanager
def _spawner(chosen: Settings, courses: Catalog) -> Iterator[SpawnerClient]:
    """The spawner that serves this LABS_DATA, else one of our own that ends with us."""
    from lab_server import supervise
    from lab_server.lessons import catalog
    from lab_server.sandbox import host as hosts

    client = SpawnerClient(chosen.socket)
    try:
        client.info()
    except SpawnerGone:
        choice = hosts.choose(chosen.driver)
        _prepare(chosen, choice.driver, False, Console(stderr=True), with_site=False)
        own = supervise.private_spawner(chosen, choice.driver, choice.reason, catalog.templates(courses), _note)
        with own as client:
            yield client
        return
    yield client


@contextmanager
def _sandbox(chosen: Settings, lesson: str | None) -> Iterator[tuple[SpawnerClient, str]]:
    """A fresh sandbox, gone at the end."""
    from lab_server import verify as verifying
    from lab_server.lessons import catalog

    courses = catalog.load(ROOT)
    template = courses.lesson(lesson).template if lesson else catalog.DEFAULT_TEMPLATE
    with _spawner(chosen, courses) as client, verifying.made(client, template) as id:
        yield client, id


@app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def execute(
    command: Annotated[
        list[str], typer.Argument(metavar="-- CMD…", help="The command and its words.", show_default=False)
    ],
    lesson: Lesson = None,
    driver: Driver = None,
    data: Data = None,
) -> None:
    """Run one command in a fresh sandbox. Its input, output and exit status are this command's.

    For example: [bold]labs exec -- sh -c 'readlink /proc/self/ns/pid; id'[/bold]
    """
    with _sandbox(settings.load(driver=driver, data=data), lesson) as (client, id):
        code = client.run(id, command, (0, 1, 2))
    raise typer.Exit(code)


@app.command()
def shell(lesson: Lesson = None, driver: Driver = None, data: Data = None) -> None:
    """Open a fresh sandbox's shell in this terminal. Leaving the shell ends the sandbox."""
    from lab_server import shell as shells

    if not (os.isatty(0) and os.isatty(1)):
        raise LabError("`labs shell` needs a terminal.", "In a script, use: labs exec -- CMD")
    with _sandbox(settings.load(driver=driver, data=data), lesson) as (client, id):
        code = shells.run(client, id)
    raise typer.Exit(code)


@app.command()
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
    timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Seconds a step may take (60; 180 with the vm driver).", show_default=False),
    ] = None,
) -> None:
    """Run every step of every lesson, typed into terminals of fresh sandboxes, and compare with what the pages say.

    Exit status 1 when anything differs, hangs or can't be run; steps that this host can't run are skipped, and named.
    """
    from lab_server import verify as verifying
    from lab_server.lessons import catalog
    from lab_server.lessons import verify as verdicts

    chosen = settings.load(driver=driver, data=data)
    courses = catalog.load(ROOT)
    lessons = verdicts.choose(courses, [_within(page) for page in pages or []])
    began, errors = time.monotonic(), Console(stderr=True)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    with _spawner(chosen, courses) as client:
        info = client.info()
        name = str(info["driver"])
        if driver not in (None, "auto", name):
            raise Conflict(
                f"The course is being served with the driver {name}, not {driver}.", "Stop it, or drop --driver."
            )
        plans = [(lesson, verdicts.plan(lesson, info["capabilities"], name)) for lesson in lessons]
        patience = timeout or verifying.PATIENCE.get(name, verifying.USUAL_PATIENCE)
        with verifying.progress(errors, plans) as tell:
            runs = verifying.Verifier(client, patience, tell).run(plans)
    seconds, after = time.monotonic() - began, runs
    if update:
        updates = [verifying.update(ROOT, run) for run in runs]
        after = [run for run, _ in updates]
        _note(f"Written into pages: {sum(written for _, written in updates)} steps' output. Review it: git diff docs")
    if as_json:
        about = {key: info[key] for key in ("driver", "reason", "capabilities", "facts")}
        report = {"version": 1, "started": started, "seconds": round(seconds, 3), "updated": update} | about
        _tell(json.dumps(report | verdicts.as_json(after), indent=1))
    else:
        _tell(f"Driver: {name} ({info['reason']})\n\n{verdicts.report(after, seconds)}")
    if not all(run.ok for run in after):
        raise typer.Exit(1)


def _within(page: Path) -> str:
    """A path as it is named below the repository, or as it was given where it isn't there."""
    place = page.resolve()
    return place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else str(page)


def _told(why: LabError) -> int:
    print(f"labs: {why}", file=sys.stderr)
    return 1


def _ended(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def main(arguments: list[str] | None = None, run: Callable[..., Any] = app) -> None:
    """The command's entry point; exits."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ended)  # so that what was begun is ended in order
    try:
        run(arguments)
        sys.exit(0)
    except LabError as why:
        sys.exit(_told(why))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except OSError as why:
        place = f" {why.filename}" if why.filename else ""
        sys.exit(_told(LabError(f"The system refused{place}: {why.strerror or why}.", "`labs doctor` says more.")))


if __name__ == "__main__":
    main()
