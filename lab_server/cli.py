"""The `labs` command: words in, words out.

Knows commands, options and how failures are told to a person: one line on stderr with the remedy, exit status 1 (2 for wrong
usage), never a traceback. Doesn't know how anything is done.
"""

from __future__ import annotations

import inspect
import os
import signal
import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lab_server import __version__, settings
from lab_server.commands import admin, backups, new, services, top, verify
from lab_server.commands.common import Data, Driver, Host, Install, Lesson, Port, sandbox, tell
from lab_server.errors import LabError
from lab_server.settings import ROOT, Settings


class Part(StrEnum):
    """What `labs build --only` can name (builds.PARTS)."""

    SITE = "site"
    MACHINE = "machine"
    GUEST = "guest"


HELP = f"""A course you can run: lessons about containers whose every block runs live.

[bold]labs serve[/bold] is all a learner needs: it builds what is missing, opens the course on
http://127.0.0.1:8000 and gives everybody who visits a small machine of their own.

Settings are environment variables ({", ".join(f"LABS_{name.upper()}" for name in ("host", "port", "driver", "data"))}, …);
an option of the same name goes first. `labs serve --help` lists them all.
"""
app = typer.Typer(
    help=HELP, no_args_is_help=True, rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False
)


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


def _version(wanted: bool) -> None:
    if wanted:
        print(f"labs {__version__}")
        raise typer.Exit


for _command in (
    verify.verify,
    services.web,
    services.spawner,
    services.health,
    top.top,
    backups.backup,
    backups.restore,
):
    app.command()(_command)
app.add_typer(new.app, name="new")
app.add_typer(admin.app, name="admin")


@app.callback()
def _labs(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    pass


@app.command(epilog=f"[bold]Settings[/bold], from the environment:\n\n{_settings_help()}")
def serve(
    host: Host = None,
    port: Port = None,
    driver: Driver = None,
    data: Data = None,
    install_missing: Install = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="For authors: build the site anew when a lesson changes; open pages reload.")
    ] = False,
) -> None:
    """Serve the course: build what is stale, then run until Ctrl-C.

    Prints a line starting `ready:` with the address once a sandbox can be had. Ctrl-C or SIGTERM ends it and leaves no process,
    mount, cgroup or guest behind.
    """
    from lab_server import serving

    chosen = settings.load(host=host, port=port, driver=driver, data=data)
    serving.serve(ROOT, chosen, Console(), tell, install=install_missing, watch=watch)


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
    force: Annotated[bool, typer.Option("--force", help="Build it anew, even what is up to date.")] = False,
    only: Annotated[
        list[Part] | None,
        typer.Option(help="Build this and nothing else; may be given again.", show_default=False),
    ] = None,
) -> None:
    """Build the site and the learners' machine, with progress. Only what is stale is built; `labs serve` does it too."""
    from lab_server import builds
    from lab_server.sandbox import host as hosts

    chosen = settings.load(driver=driver, data=data)
    parts = [part.value for part in only or ()]
    # the site is the same for every driver, and may be built where none can work
    name = "" if set(parts) == {"site"} else hosts.choose(chosen.driver).driver
    if force:
        builds.forget(chosen.data, parts or builds.PARTS)
    builds.prepare(ROOT, chosen.data, name, Console(), only=parts, install=install_missing)
    made = f": {', '.join(parts)}" if parts else ""
    tell(f"Built in {chosen.data}{f' for the driver {name}' if name else ''}{made}.")


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
    with sandbox(settings.load(driver=driver, data=data), lesson) as (client, id):
        code = client.run(id, command, (0, 1, 2))
    raise typer.Exit(code)


@app.command()
def shell(lesson: Lesson = None, driver: Driver = None, data: Data = None) -> None:
    """Open a fresh sandbox's shell in this terminal. Leaving the shell ends the sandbox."""
    from lab_server import shell as shells

    if not (os.isatty(0) and os.isatty(1)):
        raise LabError("`labs shell` needs a terminal.", "In a script, use: labs exec -- CMD")
    with sandbox(settings.load(driver=driver, data=data), lesson) as (client, id):
        code = shells.run(client, id)
    raise typer.Exit(code)


def _told(why: LabError) -> int:
    print(f"labs: {why}", file=sys.stderr)
    return 1


def _ended(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _reflow(text: str) -> str:
    """Paragraphs without the line ends that the source has: a terminal has its own width."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def main(arguments: list[str] | None = None, run: Callable[..., Any] = app) -> None:
    """The command's entry point; exits."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ended)  # so that what was begun is ended in order
    app.info.help = _reflow(HELP)
    for command in [*app.registered_commands, *new.app.registered_commands, *admin.app.registered_commands]:
        command.help = _reflow(inspect.getdoc(command.callback) or "")
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
