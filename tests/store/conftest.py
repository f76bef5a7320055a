"""Both kinds of database, real: an SQLite file, and a PostgreSQL server of our own that lives as long as the tests."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab_server.store.engine import Store

PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class Postgres:
    """A server with a superuser `labs`: by its socket for everybody, by TCP with PASSWORD."""

    tools: Path
    data: Path
    port: int
    user: str | None

    def run(self, tool: str, *arguments: str) -> None:
        given = {"user": self.user, "extra_groups": []} if self.user else {}
        done = subprocess.run([self.tools / tool, *arguments], capture_output=True, text=True, **given)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        listen = f"-k {self.data} -p {self.port} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "start", "-w", "-D", str(self.data), "-o", listen, "-l", str(self.data / "log"))

    def stop(self) -> None:
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self.data))

    def sql(self, words: str, database: str = "postgres") -> None:
        self.run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", f"{self.socket_url(database)}", "-c", words)

    def socket_url(self, database: str) -> str:
        return f"postgresql://labs@/{database}?host={self.data}&port={self.port}"

    def tcp_url(self, database: str, user: str = "labs", password: str = PASSWORD) -> str:
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        name = f"labs_{secrets.token_hex(4)}"
        self.sql(f"CREATE DATABASE {name}")
        return name


def find_tools() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path("/nowhere/initdb")).parent


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    tools = find_tools()
    if tools is None or not (tools / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    data = Path(tempfile.mkdtemp(prefix="labs-pg-"))
    user = None
    if os.geteuid() == 0:  # it refuses to run as root
        user = "nobody"
        shutil.chown(data, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = Postgres(tools, data / "cluster", port, user)
    try:
        word = data / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={word}")
        server.run(
            "initdb", "-D", str(server.data), "-U", "labs", "-E", "UTF8", "--no-sync", "--no-instructions", *auth
        )
        server.start()
        yield server
    finally:
        with contextlib.suppress(AssertionError):
            server.stop()
        shutil.rmtree(data)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'course.sqlite3'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.socket_url(postgres.new_database())


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    made = Store(url)
    await made.open()
    yield made
    await made.close()
