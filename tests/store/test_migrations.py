"""A database of every age becomes one of today, with what is in it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from lab_server.errors import StoreFailed
from lab_server.store import codes, learners, leases, migrations, progress
from lab_server.store.engine import Store
from lab_server.store.progress import Outcome
from lab_server.store.tables import metadata

SCRIPTS = ScriptDirectory.from_config(migrations.config())
LEASE = leases.Lease("s1", "ann", "concepts/01-x", "ready", 1.5, 2.5, 3.5, 60, None, 2, "", None)
REVISIONS = [revision.revision for revision in reversed(list(SCRIPTS.walk_revisions()))]


async def at_revision(url: str, to: str) -> None:
    """Make a database as the code of that revision left it."""
    store = Store(url)
    async with store._writers.begin() as connection:
        await connection.run_sync(migrations.upgrade, to)
    await store.close()


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"version_table": migrations.VERSION_TABLE, "compare_type": True}
    )
    return list(compare_metadata(context, metadata))


def test_the_revisions_are_one_line() -> None:
    assert REVISIONS[:3] == ["0001", "0002", "0003"] and len(SCRIPTS.get_heads()) == 1


async def test_an_empty_database_becomes_what_the_tables_say(store: Store) -> None:
    async with store.read() as at:
        assert await at.run_sync(differences) == []
        assert await at.run_sync(migrations.current) == REVISIONS[-1]


@pytest.mark.parametrize("revision", REVISIONS)
async def test_up_from_each_revision_with_data_in_it(url: str, revision: str) -> None:
    await at_revision(url, revision)
    before = Store(url)
    async with before._writers.begin() as at:  # as the code of the first revision wrote it
        await at.execute(text("INSERT INTO learners VALUES ('ann', 1.5, 2.5), ('bob', 3, 4)"))
        detail = ":detail" if before._sqlite else "CAST(:detail AS json)"
        insert = f"INSERT INTO progress VALUES (:who, 'concepts/01-x', 'task', :item, 2, {detail}, 1, 2.25, 3)"
        values = [
            {"who": "ann" if n % 2 else "bob", "item": f"task-{n}", "detail": '{"words": "é"}'} for n in range(200)
        ]
        await at.execute(text(insert), values)
    await before.close()
    store = Store(url)
    await store.open()
    try:
        async with store.read() as at:
            assert await at.run_sync(differences) == []
            ann = await learners.find(at, "ann")
            assert ann == learners.Learner("ann", 1.5, 2.5)
            for who in ("ann", "bob"):
                records = await progress.every(at, who)
                assert len(records) == 100
                assert {(one.outcome, one.detail["words"], one.last, one.tries) for one in records} == {
                    (Outcome.RIGHT, "é", 2.25, 3)
                }
        async with store.write() as at:
            code = await codes.make(at, "ann", 1)
            assert await codes.owner(at, code.text, 2) == "ann"
            await leases.keep(at, [LEASE])
            assert await leases.every(at) == [LEASE]
    finally:
        await store.close()


async def test_servers_that_start_at_once_migrate_once(url: str) -> None:
    stores = [Store(url) for _ in range(4)]
    try:
        await asyncio.gather(*(store.open() for store in stores))
        async with stores[0].read() as at:
            assert await at.run_sync(lambda one: len(inspect(one).get_table_names())) == len(metadata.tables) + 1
    finally:
        for store in stores:
            await store.close()


async def test_a_new_file_that_is_opened_at_once_is_nobodys_fault(tmp_path: Path) -> None:
    for n in range(20):
        file = tmp_path / f"{n}.sqlite3"
        stores = [Store(f"sqlite:///{file}") for _ in range(4)]
        try:
            await asyncio.gather(*(store.open() for store in stores))
            async with stores[0].read() as at:
                assert (await at.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
        finally:
            for store in stores:
                await store.close()


async def test_a_newer_database_is_refused_and_left_alone(url: str) -> None:
    await at_revision(url, "head")
    newer = Store(url)
    async with newer._writers.begin() as at:
        await at.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreFailed, match="newer version") as why:
        await newer.open()
    assert "backup" in why.value.remedy
    async with newer._engine.connect() as at:
        assert await at.run_sync(migrations.current) == "9999"
    await newer.close()


async def test_a_migration_that_fails_leaves_the_database_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await at_revision(url, "0001")
    second = SCRIPTS.get_revision("0002").module

    def half(config: Any, to: str) -> None:
        env_upgrade(config, to)
        raise RuntimeError("out of luck")

    env_upgrade = command.upgrade
    assert second.down_revision == "0001"
    monkeypatch.setattr(command, "upgrade", half)
    store = Store(url)
    with pytest.raises(RuntimeError, match="out of luck"):
        await store.open()
    async with store._engine.connect() as at:
        assert await at.run_sync(migrations.current) == "0001"
        assert "codes" not in await at.run_sync(lambda one: inspect(one).get_table_names())
    monkeypatch.undo()
    await store.open()
    await store.close()
