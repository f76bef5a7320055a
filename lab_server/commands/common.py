"""What the commands share: options, how a line is told, a spawner, a sandbox.

Knows settings, and the parts that are joined for a command. Doesn't know the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lab_server.errors import SpawnerGone
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT as ROOT
from lab_server.settings import Settings

if TYPE_CHECKING:
    from lab_server.lessons.catalog import Catalog


def field(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.relative_to(ROOT) if isinstance(field.default, Path) else field.default
    return f"{field.description} (LABS_{name.upper()}; {default})"


Host = Annotated[str | None, typer.Option(help=field("host"), show_default=False)]
Port = Annotated[int | None, typer.Option(help=field("port"), show_default=False)]
Driver = Annotated[str | None, typer.Option(help=field("driver"), show_default=False)]
Data = Annotated[Path | None, typer.Option(help=field("data"), show_default=False)]
Install = Annotated[
    bool, typer.Option("--install-missing", help="Install Debian packages that are missing (needs root).")
]
Lesson = Annotated[str | None, typer.Option(help="A sandbox as this lesson has it: an id such as concepts/02-…")]


def tell(line: str) -> None:
    print(line, flush=True)


def note(line: str) -> None:
    """For commands whose standard output belongs to somebody else."""
    print(line, file=sys.stderr, flush=True)


@contextmanager
def spawner(chosen: Settings, courses: Catalog) -> Iterator[SpawnerClient]:
    """The spawner that serves this LABS_DATA, else one of our own that ends with us."""
    from lab_server import builds, supervise
    from lab_server.lessons import catalog
    from lab_server.sandbox import host as hosts

    client = SpawnerClient(chosen.socket)
    try:
        client.info()
    except SpawnerGone:
        choice = hosts.choose(chosen.driver)
        builds.prepare(ROOT, chosen.data, choice.driver, Console(stderr=True), with_site=False)
        own = supervise.private_spawner(chosen, choice.driver, choice.reason, catalog.templates(courses), note)
        with own as client:
            yield client
        return
    yield client


@contextmanager
def sandbox(chosen: Settings, lesson: str | None) -> Iterator[tuple[SpawnerClient, str]]:
    """A fresh sandbox, gone at the end."""
    from lab_server import verify as verifying
    from lab_server.lessons import catalog

    courses = catalog.load(ROOT)
    template = courses.lesson(lesson).template if lesson else catalog.DEFAULT_TEMPLATE
    with spawner(chosen, courses) as client, verifying.made(client, template) as id:
        yield client, id
