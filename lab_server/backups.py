"""`labs backup` and `labs restore`, joined: the progress, the key of learners' cookies and what was verified, as one archive.

Knows where these are and the order of the steps. Doesn't know the archive's format (store/archive.py) nor how a database is
copied (store/copies.py). A backup is taken while the course is served. A restore has the web server's folder to itself, checks
everything before it touches anything, and moves what was there into a folder beside it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lab_server import __version__, supervise
from lab_server.errors import BadInput, Conflict, HostFull, StoreFailed
from lab_server.settings import Settings
from lab_server.store import archive, copies, lock, migrations
from lab_server.store.archive import DATABASE, KEY, VERIFIED, Manifest


@dataclass(frozen=True)
class Restored:
    """`kept` is the folder that what was there is in now; `left_out` names what could not be written."""

    manifest: Manifest
    kept: Path | None
    left_out: tuple[str, ...]
    older: bool  # the next start of the server changes its tables


def backup(settings: Settings, out: IO[bytes]) -> Manifest:
    """Write an archive to `out`. Raises Missing, StoreFailed, HostFull; then what was written is no archive."""
    copier = copies.copier(settings.database_url)
    with _room(settings.web_data if settings.web_data.is_dir() else None) as place:
        copier.save(place / DATABASE[copier.kind])
        for name, file in _others(settings).items():
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(file, place / name)
        made = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(__version__, copier.revision(), made, copier.kind, archive.describe(place))
        archive.write(out, manifest, place)
        out.flush()
    return manifest


def restore(settings: Settings, source: IO[bytes], *, force: bool = False) -> Restored:
    """Put an archive's content in place.

    Raises BadInput, StoreFailed, Conflict (a server runs; something is there and no `force`), Missing, HostFull. After these, all is as
    it was.
    """
    copier = copies.copier(settings.database_url)
    supervise.own_web_data(settings, None)
    with lock.alone(settings.web_data), _room(settings.web_data) as place:
        manifest = archive.read(source, place)
        _usable(manifest, copier)
        database = place / DATABASE[copier.kind]
        copier.check(database, manifest.schema)
        if others := copier.users():
            raise Conflict(
                f"The database is in use: {others} other connection(s).", "Stop every web server that uses it."
            )
        key = settings.web_data / KEY
        there = copier.there() or key.exists()
        if there and not force:
            raise Conflict(
                "There is progress already; a backup would take its place.",
                "With --force what is there is kept beside it, and the backup restored.",
            )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        keep = settings.web_data / f"before-restore-{stamp}"
        keep.mkdir(mode=0o700)
        try:
            ready, left_out = _ready_others(settings, place, keep)
            copier.load(database, keep)
        except BaseException:
            copied = [keep / name for name in (KEY, VERIFIED, DATABASE["postgresql"])]  # else it is the only one
            for left in (*copied, *map(_new, _others(settings).values())):
                with contextlib.suppress(OSError):
                    left.unlink()
            with contextlib.suppress(OSError):
                keep.rmdir()
            raise
        for new, file in ready.items():
            new.replace(file)
        kept = keep if any(keep.iterdir()) else None
        if kept is None:
            keep.rmdir()
        own_alike(settings)
    return Restored(manifest, kept, left_out, manifest.schema != migrations.revisions()[-1])


def _others(settings: Settings) -> dict[str, Path]:
    return {KEY: settings.web_data / KEY, VERIFIED: settings.data / VERIFIED}


def _usable(manifest: Manifest, copier: copies.Copier) -> None:
    if manifest.database != copier.kind:
        names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
        raise BadInput(
            f"The backup is of {names[manifest.database]}, and LABS_DATABASE names a database of {names[copier.kind]}.",
            "Restore it into one of the same kind.",
        )
    if manifest.schema is not None and manifest.schema not in migrations.revisions():
        raise StoreFailed(
            f"The backup's database is newer than this version of the course (its revision {manifest.schema} is not known here).",
            f"Restore it with version {manifest.application[:40]} or a later one.",
        )


def _new(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def _ready_others(settings: Settings, place: Path, keep: Path) -> tuple[dict[Path, Path], tuple[str, ...]]:
    """New files beside those they will take the place of, which are copied into `keep`; and names of what could not be written.

    That can only be of what can be found out anew: without the key the progress is nobody's.
    """
    ready, left_out = {}, []
    for name, file in _others(settings).items():
        if not (place / name).exists():
            continue
        new = _new(file)
        try:
            if file.exists():
                shutil.copy2(file, keep / name)
            shutil.copyfile(place / name, new)
            new.chmod(0o600 if name == KEY else 0o644)
            copies.sync(new)
            ready[new] = file
        except OSError:
            if name == KEY:
                raise
            left_out.append(name)
    return ready, tuple(left_out)


def own_alike(settings: Settings) -> None:
    """What root has put there belongs to whom the folder belongs to."""
    owner = settings.web_data.stat()
    if os.geteuid() == 0:
        supervise.own_web_data(settings, (owner.st_uid, owner.st_gid))


@contextlib.contextmanager
def _room(folder: Path | None) -> Iterator[Path]:
    """A folder for what is under way, gone at the end. Raises HostFull where there is no room for it."""
    try:
        with tempfile.TemporaryDirectory(prefix=".backup-", dir=folder) as place:
            yield Path(place)
    except OSError as why:
        if why.errno not in (28, 122):  # ENOSPC, EDQUOT
            raise
        raise HostFull(
            f"No disk space is left for the backup in {folder or tempfile.gettempdir()}.", "Free some."
        ) from None
