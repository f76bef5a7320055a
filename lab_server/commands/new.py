"""`labs new lesson` and `labs new task`: what is made, and what to do next, in words.

Knows options. Doesn't know what a lesson is made of (lab_server/scaffolds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lab_server.commands import common

if TYPE_CHECKING:
    from lab_server import scaffolds

app = typer.Typer(
    help="Make a lesson or a task that can be verified as it is, to be written over.", no_args_is_help=True
)
Title = Annotated[str, typer.Option(help="Made from the name when left out.", show_default=False)]


@app.command()
def lesson(
    name: Annotated[str, typer.Argument(metavar="MODULE/NN-NAME", help="Such as concepts/06-signals.")],
    title: Title = "",
) -> None:
    """Make a lesson: its page, its lab.yml, its line in the navigation. Nothing that is there is written over."""
    from lab_server import scaffolds

    made = scaffolds.lesson(common.ROOT, name, title)
    _tell(made, f"labs new task {made.lesson}/01-a-task")


@app.command()
def task(
    name: Annotated[
        str, typer.Argument(metavar="MODULE/NN-LESSON/NN-NAME", help="Such as concepts/06-signals/01-a-child.")
    ],
    title: Title = "",
) -> None:
    """Make a task of a lesson: its scripts, its declaration in lab.yml, its place in the page before the takeaways."""
    from lab_server import scaffolds

    _tell(scaffolds.task(common.ROOT, name, title))


def _tell(made: scaffolds.Made, *more: str) -> None:
    for file in made.made:
        common.tell(f"made     {file}")
    for file in made.changed:
        common.tell(f"changed  {file}")
    common.tell("\nNext:")
    if made.nav:
        common.tell(f"  name it in the nav of mkdocs.yml:\n      {made.nav}")
    common.tell("  scripts/serve --watch                 write, and see it in the page")
    common.tell(f"  labs verify docs/{made.lesson}.md")
    for line in more:
        common.tell(f"  {line}")
