"""Backup and restore, of both kinds of database: what was there is there again, and nothing is lost on the way."""

from __future__ import annotations

import asyncio
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lab_server import backups
from lab_server.errors import BadInput, Conflict, LabError, Missing, StoreFailed
from lab_server.settings import ROOT, Settings, load
from lab_server.store import archive, copies, copies_postgres, learners, lock, migrations, progress
from lab_server.store.engine import Store
from lab_server.store.progress import Outcome
from tests.store.conftest import PASSWORD, Postgres
from tests.store.test_migrations import at_revision

TASK = ("concepts/01-test", "task", "01-own-hostname")
Course = Callable[..., Settings]


@pytest.fixture
def course(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Course:
    """Makes settings of a course: the first one's database is `url`, each later one's is another of the same kind."""
    made: list[Settings] = []

    def make() -> Settings:
        data = tmp_path / f"data{len(made)}"
        database = "auto" if url.startswith("sqlite") else url
        if made and database != "auto":
            postgres: Postgres = request.getfixturevalue("postgres")
            database = postgres.socket_url(postgres.new_database())
        settings = load(data=data, database=database)
        settings.web_data.mkdir(parents=True, mode=0o700)
        made.append(settings)
        return settings

    return make


async def work(settings: Settings, *names: str) -> None:
    """These learners do a task; and there is a key, and a note of what was verified."""
    store = Store(settings.database_url)
    await store.open()
    for name in names:
        async with store.write() as at:
            await learners.touch(at, name, 1)
            await progress.keep(at, name, TASK, Outcome.RIGHT, {"words": "é"}, 2)
    await store.close()
    (settings.web_data / "cookie.key").write_text(f"key of {settings.data.name}")
    (settings.data / "verified.json").write_text('{"version": 1, "lessons": {}}\n')


async def who(settings: Settings) -> set[str]:
    store = Store(settings.database_url)
    async with store.read() as at:
        found = {str(one) for one in (await at.execute(text("SELECT id FROM learners"))).scalars()}
        for one in found:
            assert [record.detail for record in await progress.every(at, one)] == [{"words": "é"}]
    await store.close()
    return found


def saved(settings: Settings) -> bytes:
    out = io.BytesIO()
    backups.backup(settings, out)
    return out.getvalue()


def restore(settings: Settings, content: bytes, **given: Any) -> backups.Restored:
    return backups.restore(settings, io.BytesIO(content), **given)


def key(settings: Settings) -> str:
    return (settings.web_data / "cookie.key").read_text()


def names(settings: Settings) -> set[str]:
    return {file.name for file in settings.web_data.iterdir()}


async def test_what_was_saved_is_there_again_on_another_machine(course: Course) -> None:
    old, new = course(), course()
    await work(old, "ann", "bob")
    content = saved(old)
    assert "lock" not in names(old) and not any(name.startswith(".") for name in names(old))
    done = restore(new, content)
    assert await who(new) == {"ann", "bob"} == await who(old)
    assert key(new) == "key of data0" and (new.data / "verified.json").exists()
    assert (done.kept, done.left_out, done.older) == (None, (), False)
    assert done.manifest.schema == migrations.revisions()[-1]
    assert (new.web_data / "cookie.key").stat().st_mode & 0o777 == 0o600
    assert not any(name.startswith((".", "before")) for name in names(new))


async def test_a_backup_of_each_earlier_version_is_migrated_by_the_next_start(course: Course) -> None:
    for revision in migrations.revisions():
        old, new = course(), course()
        await at_revision(old.database_url, revision)
        before = Store(old.database_url)
        async with before._writers.begin() as at:
            await at.execute(text("INSERT INTO learners VALUES ('ann', 1.5, 2.5)"))
        await before.close()
        done = restore(new, saved(old))
        assert done.manifest.schema == revision and done.older == (revision != migrations.revisions()[-1])
        store = Store(new.database_url)
        async with store.read() as at:
            assert await at.run_sync(migrations.current) == migrations.revisions()[-1]
            assert await learners.find(at, "ann") == learners.Learner("ann", 1.5, 2.5)
        await store.close()


async def test_what_is_there_is_replaced_with_force_only_and_kept(course: Course) -> None:
    old, new = course(), course()
    await work(old, "ann")
    await work(new, "carl")
    content = saved(old)
    with pytest.raises(Conflict, match="progress already") as why:
        restore(new, content)
    assert "--force" in why.value.remedy and await who(new) == {"carl"} and key(new) == "key of data1"

    done = restore(new, content, force=True)
    assert await who(new) == {"ann"} and key(new) == "key of data0"
    assert done.kept and done.kept.parent == new.web_data and done.kept.stat().st_mode & 0o777 == 0o700
    assert (done.kept / "cookie.key").read_text() == "key of data1"
    if done.manifest.database == "sqlite":
        with sqlite3.connect(done.kept / "course.sqlite3") as kept:
            assert kept.execute("SELECT id FROM learners").fetchall() == [("carl",)]
        kept.close()
    else:
        copier = copies.copier(new.database_url)
        (new.data / "empty").mkdir()
        copier.load(done.kept / "database.dump", new.data / "empty")
        assert await who(new) == {"carl"}


async def test_a_newer_database_or_another_kind_is_refused(course: Course, tmp_path: Path) -> None:
    old, new = course(), course()
    await work(old, "ann")
    store = Store(old.database_url)
    async with store._writers.begin() as at:
        await at.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
    await store.close()
    newer = saved(old)
    with pytest.raises(StoreFailed, match="newer than this version") as why:
        restore(new, newer)
    assert why.value.remedy and names(new) == {"lock"}

    kind = json.loads(unpacked(newer, tmp_path / "there")["manifest.json"])["database"]
    other = "postgresql:///nowhere?host=/nowhere" if kind == "sqlite" else "auto"
    with pytest.raises(BadInput, match="LABS_DATABASE"):
        restore(load(data=tmp_path / "other", database=other), newer)


def unpacked(content: bytes, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", folder], input=content, check=True)  # what anybody can read
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_a_damaged_archive_changes_nothing(course: Course) -> None:
    old, new = course(), course()
    await work(old, "ann")
    await work(new, "carl")
    content = saved(old)
    before = names(new)
    for wrong in (content[:-1], content[: len(content) // 2], b"", content + b"x"):
        with pytest.raises(BadInput):
            restore(new, wrong, force=True)
    assert names(new) == before | {"lock"} and await who(new) == {"carl"} and key(new) == "key of data1"


async def test_a_restore_that_fails_at_the_last_moment_changes_nothing(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = course(), course()
    await work(old, "ann")
    await work(new, "carl")
    if new.database != "auto":
        for one in (old, new):  # a view that is there already fails after our tables were dropped and made
            store = Store(one.database_url)
            async with store._writers.begin() as at:
                await at.execute(text("CREATE VIEW zoo AS SELECT 1 AS n"))
            await store.close()
    content, before = saved(old), names(new)

    real = copies.sync

    def broken(path: Path) -> None:
        if path.name == ".course.sqlite3.new":  # the old one was moved away by then
            assert not (new.web_data / "course.sqlite3").exists()
            raise OSError(5, "Input/output error")
        real(path)

    with monkeypatch.context() as patched:
        patched.setattr(copies, "sync", broken)
        with pytest.raises((LabError, OSError)):
            restore(new, content, force=True)
    assert names(new) - before == {"lock"} and await who(new) == {"carl"} and key(new) == "key of data1"


async def test_while_a_server_uses_it_nothing_is_restored(course: Course) -> None:
    old, new = course(), course()
    await work(old, "ann")
    content = saved(old)
    with lock.shared(new.web_data), lock.shared(new.web_data), pytest.raises(Conflict, match="being served"):
        restore(new, content, force=True)
    with lock.alone(new.web_data), pytest.raises(Conflict, match="being restored"), lock.shared(new.web_data):
        pass
    if new.database != "auto":  # one that shares no folder with us
        elsewhere = Store(new.database_url)
        await elsewhere.open()
        with pytest.raises(Conflict, match="in use: 1 "):
            restore(new, content)
        await elsewhere.close()
    restore(new, content, force=True)
    assert await who(new) == {"ann"}


async def test_a_backup_is_of_one_moment_while_many_write(course: Course) -> None:
    """Each learner comes with a record in one transaction: no backup has the one without the other."""
    old = course()
    await work(old, "first")
    store = Store(old.database_url)
    await store.open()
    going = True

    async def write(writer: int) -> None:
        n = 0
        while going:
            async with store.write() as at:
                await learners.touch(at, f"l{writer}-{n}", 1)
                await progress.keep(at, f"l{writer}-{n}", TASK, Outcome.RIGHT, {"words": "é"}, 2)
            n += 1

    writers = [asyncio.create_task(write(n)) for n in range(3)]
    contents = [await asyncio.to_thread(saved, old) for _ in range(4)]
    going = False
    await asyncio.gather(*writers)
    await store.close()
    for content in contents:
        new = course()
        restore(new, content)
        assert "first" in await who(new)  # which looks at every learner's record


async def test_nothing_to_save(course: Course) -> None:
    settings = course()
    if settings.database == "auto":
        with pytest.raises(Missing, match="nothing was kept yet"):
            saved(settings)
    else:
        assert json.loads(unpacked(saved(settings), settings.data / "there")["manifest.json"])["schema"] is None


async def test_a_damaged_sqlite_database_is_not_saved(tmp_path: Path) -> None:
    settings = load(data=tmp_path / "data")
    settings.web_data.mkdir(parents=True)
    await work(settings, *(f"learner-{n}" for n in range(500)))
    file = settings.web_data / "course.sqlite3"
    content = bytearray(file.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\x55" * 4096
    file.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged"):
        saved(settings)


async def test_what_can_be_found_out_anew_may_be_left_out(tmp_path: Path) -> None:
    old, new = (load(data=tmp_path / name) for name in ("data0", "new"))
    old.web_data.mkdir(parents=True)
    await work(old, "ann")
    new.data.mkdir()
    (new.data / ".verified.json.new").mkdir()  # in the way
    done = restore(new, saved(old))
    assert done.left_out == ("verified.json",) and await who(new) == {"ann"} and key(new) == "key of data0"


# --- PostgreSQL ---


async def test_a_password_is_on_no_command_line_and_in_no_words(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.tcp_url(postgres.new_database())
    settings = load(data=tmp_path, database=url)
    settings.web_data.mkdir(parents=True)
    await work(settings, "ann")
    lines: list[str] = []
    real = subprocess.run

    def run(argv: Any, **given: Any) -> Any:
        lines.extend(map(str, argv))
        return real(argv, **given)

    monkeypatch.setattr(subprocess, "run", run)
    content = saved(settings)
    restore(settings, content, force=True)
    assert await who(settings) == {"ann"} and lines and PASSWORD not in " ".join(lines)
    wrong = settings.model_copy(update={"database": url.replace(PASSWORD, "wr0ng")})
    with pytest.raises(StoreFailed, match="password authentication failed") as why:
        saved(wrong)
    assert "wr0ng" not in str(why.value)


async def test_without_postgres_programs(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(data=tmp_path, database=postgres.tcp_url(postgres.new_database()))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(copies_postgres, "INSTALLED", Path("/nowhere"))
    with pytest.raises(Missing, match="pg_dump is not installed") as why:
        saved(settings)
    assert "postgresql-client" in why.value.remedy


async def test_tables_that_are_not_ours_are_left_alone(postgres: Postgres, tmp_path: Path) -> None:
    old, new = (
        load(data=tmp_path / name, database=postgres.socket_url(postgres.new_database())) for name in ("a", "b")
    )
    for one in (old, new):
        one.web_data.mkdir(parents=True)
    await work(old, "ann")
    content = saved(old)
    name = new.database.partition("@/")[2].partition("?")[0]
    postgres.sql("CREATE TABLE payroll (id int)", name)
    with pytest.raises(Conflict, match="payroll") as why:
        restore(new, content, force=True)
    assert "createdb" in why.value.remedy and names(new) == {"lock"}
    postgres.sql("INSERT INTO payroll VALUES (1)", name)


# --- the commands ---


def labs(data: Path, *words: str, **given: Any) -> subprocess.CompletedProcess[bytes]:
    env = os.environ | {"LABS_DATA": str(data)}
    return subprocess.run(
        [sys.executable, "-m", "lab_server.cli", *words], capture_output=True, cwd=ROOT, env=env, timeout=60, **given
    )


async def test_the_commands(tmp_path: Path) -> None:
    old, new = (load(data=tmp_path / name) for name in ("data0", "new"))
    old.web_data.mkdir(parents=True)
    await work(old, "ann")
    file = tmp_path / "backup.tar.gz"
    done = labs(old.data, "backup", str(file))
    assert (done.returncode, done.stdout) == (0, b"") and b"Backed up to" in done.stderr and b"private" in done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    piped = labs(old.data, "backup", "-")
    assert piped.returncode == 0 and piped.stdout[:2] == b"\x1f\x8b"
    assert labs(new.data, "restore", "-", input=piped.stdout).returncode == 0
    assert await who(new) == {"ann"}
    again = labs(new.data, "restore", str(file))
    assert again.returncode == 1 and b"--force" in again.stderr and again.stderr.count(b"\n") == 1
    forced = labs(new.data, "restore", str(file), "--force")
    assert forced.returncode == 0 and b"is kept in" in forced.stderr


def test_a_backup_that_fails_leaves_no_file_and_the_last_one(tmp_path: Path) -> None:
    file = tmp_path / "backup.tar.gz"
    file.write_text("the last one")
    done = labs(tmp_path / "data", "backup", str(file))
    assert done.returncode == 1 and b"nothing was kept yet" in done.stderr
    assert file.read_text() == "the last one" and [one.name for one in tmp_path.iterdir()] == ["backup.tar.gz"]
    assert b"There is no file" in labs(tmp_path / "data", "restore", str(tmp_path / "none")).stderr


def test_the_archive_module_and_the_tests_agree_on_names() -> None:
    assert {archive.KEY, archive.VERIFIED, *archive.DATABASE.values()} == {
        "cookie.key",
        "verified.json",
        "database.sqlite3",
        "database.dump",
    }
