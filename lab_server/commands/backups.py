"""`labs backup` and `labs restore`: an archive to or from a file, or standard output and input.

Knows options, files and what is told. Doesn't know what is in an archive, or where it goes (lab_server/backups.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab_server import settings
from lab_server.commands.common import Data, note
from lab_server.errors import BadInput, NotFound

if TYPE_CHECKING:
    from lab_server.store.archive import Manifest

STANDARD = Path("-")
To = Annotated[Path, typer.Argument(metavar="FILE", help="Where to, or - for standard output.", show_default=False)]
From = Annotated[
    Path, typer.Argument(metavar="FILE", help="What to restore, or - for standard input.", show_default=False)
]


def backup(file: To, data: Data = None) -> None:
    """Save learners' progress, the key of their cookies and what was verified as one file. The course may be served meanwhile.

    The file is as private as what is in it: whoever has the key can pass for any learner. A file of this name is replaced, once the new
    one is whole.
    """
    from lab_server import backups

    chosen = settings.load(data=data)
    if file == STANDARD:
        if sys.stdout.isatty():
            raise BadInput("A backup is not for a terminal.", "Send it into a file: labs backup - > FILE")
        manifest = backups.backup(chosen, sys.stdout.buffer)
        note(f"Backed up: {_about(manifest)}. Keep it private: the key of learners' cookies is in it.")
        return
    new = file.with_name(f".{file.name}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            manifest = backups.backup(chosen, out)
            os.fsync(out.fileno())
        new.replace(file)
    except FileExistsError:
        raise BadInput(f"{new} is in the way: another backup is being made.", "If none is, delete it.") from None
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    note(f"Backed up to {file}: {_about(manifest)}. Keep it private: the key of learners' cookies is in it.")


def restore(
    file: From,
    data: Data = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what is there; it is kept in a folder beside, named by the time.")
    ] = False,
) -> None:
    """Put back what `labs backup` saved. No web server may run; all of the backup is checked before anything is changed.

    A backup of an earlier version is brought up to date by the next start; one of a later version is refused.
    """
    from lab_server import backups

    chosen = settings.load(data=data)
    if file == STANDARD and sys.stdin.isatty():
        raise BadInput("A backup doesn't come from a terminal.", "Send it from a file: labs restore - < FILE")
    try:
        source = sys.stdin.buffer if file == STANDARD else file.open("rb")
    except FileNotFoundError:
        raise NotFound(f"There is no file {file}.", "Name one that `labs backup` wrote.") from None
    with source:
        done = backups.restore(chosen, source, force=force)
    note(f"Restored: {_about(done.manifest)}, made {done.manifest.made} by version {done.manifest.application}.")
    if done.kept:
        note(f"What was there is kept in {done.kept}; delete it when it is not needed any more.")
    for name in done.left_out:
        note(f"Left out, since it could not be written: {name}. `labs verify` writes it anew.")
    if done.older:
        note("The next start brings the database up to date.")


def _about(manifest: Manifest) -> str:
    size = sum(int(about["size"]) for about in manifest.files.values())
    kind = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[manifest.database]
    return f"{kind}, revision {manifest.schema}, {-(-size // 1024)} KiB in {len(manifest.files)} files"
