"""A PostgreSQL database saved and put back by PostgreSQL's own programs: pg_dump, pg_restore, psql.

Knows their options, and that a password is passed in the environment and never on a command line, which others can read.
Doesn't know archives. A restore is one transaction: the course's tables are dropped and made anew in it, others are left alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy.engine import URL

from lab_server.errors import Conflict, Missing, StoreFailed
from lab_server.store import migrations
from lab_server.store.failures import place
from lab_server.store.tables import metadata

CONNECT = "10"  # seconds
INSTALLED = Path("/usr/lib/postgresql")  # where Debian has each version's programs
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
)
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"


def program(name: str) -> str:
    """Where it is. Raises Missing."""
    if found := shutil.which(name):
        return found
    versions = sorted(INSTALLED.glob(f"*/bin/{name}"), key=lambda path: [*map(int, re.findall(r"\d+", str(path)))])
    if not versions:
        raise Missing(
            f"PostgreSQL's program {name} is not installed.",
            "Debian: apt-get install postgresql-client, in the server's version.",
        )
    return str(versions[-1])


class Postgres:
    kind = "postgresql"

    def __init__(self, url: URL) -> None:
        self._place = place(url)
        given = {
            "PGHOST": url.host or url.query.get("host"),
            "PGPORT": url.port or url.query.get("port"),
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
            "PGSSLMODE": url.query.get("ssl"),
        }
        self._env = {
            name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in given.items() if value
        }

    def _run(self, name: str, *arguments: str) -> str:
        """Standard output. Raises Missing, and StoreFailed with what the program said."""
        env = os.environ | {"PGCONNECT_TIMEOUT": CONNECT, "LC_ALL": "C.UTF-8"} | self._env
        done = subprocess.run(
            [program(name), *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            env=env,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode == 0:
            return done.stdout
        said = [re.sub(r"^(pg_dump|pg_restore|psql)(:\S*)?: ", "", line) for line in done.stderr.split("\n") if line]
        raise StoreFailed(f"{self._place} gave {name} an error: {' '.join(said[:3])[:400]}.", "Look at its log, too.")

    def _ask(self, query: str) -> list[str]:
        return self._run("psql", "-XAtqw", "-v", "ON_ERROR_STOP=1", "-c", query).split()

    def revision(self) -> str | None:
        if migrations.VERSION_TABLE not in self._ask(TABLES):
            return None
        return next(iter(self._ask(f"SELECT version_num FROM {migrations.VERSION_TABLE}")), None)

    def save(self, file: Path) -> None:
        self._run("pg_dump", "-w", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")

    def there(self) -> bool:
        return bool(_ours() & set(self._ask(TABLES)))

    def users(self) -> int:
        return int(self._ask(OTHERS)[0])

    def check(self, file: Path, schema: str | None) -> None:
        self._listed(file)

    def _listed(self, file: Path) -> set[str]:
        """The tables in a dump."""
        return set(re.findall(r"^\d+; \d+ \d+ TABLE \S+ (\S+)", self._run("pg_restore", "--list", str(file)), re.M))

    def load(self, file: Path, keep: Path) -> None:
        there = set(self._ask(TABLES))
        replaced = there & (_ours() | self._listed(file))
        if strangers := sorted(there - replaced):
            raise Conflict(
                f"{self._place} has tables that this version of the course doesn't know: {', '.join(strangers[:5])}.",
                "Name an empty database in LABS_DATABASE (createdb), and restore into that.",
            )
        if replaced:
            self.save(keep / "database.dump")
        script = file.with_suffix(".sql")
        self._run("pg_restore", "--no-owner", "--no-privileges", f"--file={script}", str(file))
        # a server that starts meanwhile waits for this transaction, as it does for another server's migration
        first = ["-c", f"SELECT pg_advisory_xact_lock({migrations.LOCK})"]
        if replaced:
            first += ["-c", f"DROP TABLE {', '.join(map(_quoted, sorted(replaced)))}"]
        self._run("psql", "-XAtqw", "--single-transaction", "-v", "ON_ERROR_STOP=1", *first, f"--file={script}")
        script.unlink()


def _ours() -> set[str]:
    return {*metadata.tables, migrations.VERSION_TABLE}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
