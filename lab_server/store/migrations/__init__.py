"""Brings a database up to this version of the code, one revision after another, in one transaction.

Knows Alembic and the lock. Doesn't know tables: each file in `versions/` knows one change. A revision that was released
is never edited: another one follows. Everything runs or nothing does, on SQLite too.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from lab_server.errors import StoreFailed

VERSION_TABLE = "labs_version"
LOCK = 0x6C616273  # of PostgreSQL's advisory locks; "labs"


def config(connection: Connection | None = None) -> Config:
    """What Alembic is told; env.py takes the connection from it."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def current(connection: Connection) -> str | None:
    """The revision that a database is at; None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def revisions() -> list[str]:
    """All that this code knows, the oldest first."""
    return [one.revision for one in reversed(list(ScriptDirectory.from_config(config()).walk_revisions()))]


def upgrade(connection: Connection, to: str = "head") -> None:
    """In the transaction that `connection` is in: on SQLite one that writes. Raises StoreFailed for a newer database.

    Several servers that start at once on one database do it one after another; all but the first find nothing to do.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
    settings = config(connection)
    found = current(connection)
    if found is not None and found not in revisions():
        raise StoreFailed(
            f"The database was written by a newer version of the course (its revision {found[:40]} is not known here).",
            "Run that version, or restore the backup from before the upgrade.",
        )
    command.upgrade(settings, to)
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise StoreFailed(f"The database has {len(broken)} rows that refer to nothing.", "Restore a backup.")
