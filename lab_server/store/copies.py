"""A database saved into a file and put back from one: what both kinds can, and SQLite's way.

Knows SQLite's backup API (it copies a database that is being written, as it was at one moment), and which tables are ours.
Doesn't know archives, nor who wants it. Nothing here may be called while a server uses the database, but `save` and `revision`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from sqlalchemy.engine import URL

from lab_server.errors import Missing, StoreFailed
from lab_server.store.engine import BUSY, address
from lab_server.store.failures import place, told
from lab_server.store.migrations import VERSION_TABLE


class Copier(Protocol):
    """`save` raises Missing where there is no database yet; all raise StoreFailed."""

    kind: str

    def revision(self) -> str | None: ...  # of the database; None before a server has opened it

    def save(self, file: Path) -> None: ...

    def there(self) -> bool: ...  # something would be lost by `load`

    def users(self) -> int: ...  # how many others are connected, as far as that can be known

    def check(self, file: Path, schema: str | None) -> None: ...  # raises StoreFailed for what `load` could not use

    def load(self, file: Path, keep: Path) -> None: ...  # all or nothing; what was there goes into the folder `keep`


def copier(url: str) -> Copier:
    """For the database that LABS_DATABASE names. Raises BadInput for an address that can't be."""
    parsed = address(url)
    if parsed.get_backend_name() == "sqlite":
        return Sqlite(parsed)
    from lab_server.store.copies_postgres import Postgres

    return Postgres(parsed)


class Sqlite:
    kind = "sqlite"

    def __init__(self, url: URL) -> None:
        self._url = url
        self._file = Path(str(url.database))

    @contextlib.contextmanager
    def _open(self, file: Path) -> Iterator[sqlite3.Connection]:
        with told(self._url), contextlib.closing(sqlite3.connect(f"file:{file}?mode=rw", BUSY, uri=True)) as connection:
            yield connection

    def revision(self) -> str | None:
        with self._open(self._file) as connection:
            return _revision(connection)

    def save(self, file: Path) -> None:
        if not self._file.exists():
            raise Missing(f"{place(self._url)} is not there: nothing was kept yet.", "Is LABS_DATA the right one?")
        with self._open(self._file) as source, contextlib.closing(sqlite3.connect(file)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without companions; a server sets it back
            _sound(copy, place(self._url))

    def there(self) -> bool:
        return any(file.exists() for file in self._files())

    def users(self) -> int:
        return 0  # the lock beside it knows (lock.py)

    def check(self, file: Path, schema: str | None) -> None:
        with self._open(file) as connection:
            _sound(connection, "The database in the backup")
            if _revision(connection) != schema:
                raise StoreFailed("The database in the backup is of another revision than its manifest says.")

    def load(self, file: Path, keep: Path) -> None:
        """Moved into place at the last, within one file system."""
        new = self._file.with_name(f".{self._file.name}.new")
        moved: list[Path] = []
        with told(self._url):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, new)
            new.chmod(0o600)
            try:
                for old in self._files():
                    if old.exists():
                        moved.append(old)
                        shutil.move(old, keep / old.name)
                sync(new)
                new.replace(self._file)
            except BaseException:
                for old in moved:
                    if not old.exists():
                        shutil.move(keep / old.name, old)
                new.unlink(missing_ok=True)
                raise
            sync(self._file.parent)

    def _files(self) -> list[Path]:
        return [self._file.with_name(self._file.name + end) for end in ("", "-wal", "-shm", "-journal")]


def _revision(connection: sqlite3.Connection) -> str | None:
    named = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (VERSION_TABLE,)).fetchone()
    found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() if named else None
    return str(found[0]) if found else None


def _sound(connection: sqlite3.Connection, what: str) -> None:
    """Raises StoreFailed where a page of it is damaged."""
    if (found := connection.execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
        raise StoreFailed(f"{what} is damaged: {found}.", "Restore an earlier backup.")


def sync(path: Path) -> None:
    """On the disk, not just on its way there."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
