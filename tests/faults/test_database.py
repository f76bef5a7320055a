"""The database is held by another, damaged, or killed: what was kept stays, and nobody who types notices."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab_server.settings import ROOT
from lab_server.store.engine import BUSY
from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.faults import progress
from tests.faults.conftest import LONG, Serve, Tell
from tests.shell import eventually
from tests.store.conftest import Postgres, postgres  # noqa: F401 -- a fixture

HELD = 30.0 if LONG else BUSY + 1  # seconds: longer than a write waits for its turn
SEVERAL = 4  # writes at once


def test_it_is_locked_by_another_process(serve: Serve, lesson: str, figure: Tell) -> None:
    serving = serve("pty")
    learner = Learner(serving.origin)
    steps = progress.steps(learner)[:SEVERAL]
    page = Page(learner, learner.start(lesson))
    file = serving.data / "web" / "course.sqlite3"
    progress.tell_until_kept(learner, progress.steps(learner)[SEVERAL])
    try:
        page.type(b"stty -echo; cat\r")  # what answers is the terminal's other end, a line at a time
        page.taken()
        with (
            contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other,
            ThreadPoolExecutor(SEVERAL) as at,
        ):
            other.execute("BEGIN EXCLUSIVE")
            held = time.monotonic()
            told = [at.submit(progress.tell_until_kept, learner, step) for step in steps]
            keys = _keys(page, held + HELD)
            assert progress.kept(learner), "what is kept can be read meanwhile"
            other.execute("ROLLBACK")
            said = [one.result() for one in told]
    finally:
        page.close()
    refused = sum(one.count(503) for one in said)
    assert refused, said
    found = progress.kept(learner)
    assert [found[progress.named(step)] for step in steps] == [1] * SEVERAL, "each is kept, and counted once"
    figure(
        f"held {HELD:.0f} s: {len(keys)} lines typed, answered in {sorted(keys)[len(keys) // 2] * 1000:.0f} ms (median), "
        f"{max(keys) * 1000:.0f} ms (slowest); {SEVERAL} writes told {refused} times to come again, each kept once"
    )


def _keys(page: Page, until: float) -> list[float]:
    """Type lines until then; the seconds that each took to be answered."""
    took: list[float] = []
    while time.monotonic() < until:
        line, start, at = b"line %d" % len(took), len(page.said), time.monotonic()
        page.type(line + b"\r")
        page.match(line + rb"\r\n", start)
        took.append(time.monotonic() - at)
    return took


def header(file: Path) -> None:
    with file.open("r+b") as out:
        out.write(b"\xa5" * 100)


def page(file: Path) -> None:
    """One, which a start of the server has no need to read."""
    with contextlib.closing(sqlite3.connect(file)) as at:
        (number,) = at.execute("SELECT rootpage FROM sqlite_master WHERE name = 'progress'").fetchone()
        (size,) = at.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as out:
        out.seek((number - 1) * size)
        out.write(b"\xa5" * size)


@pytest.mark.parametrize("damage", [header, page] if LONG else [header])
def test_it_is_damaged(serve: Serve, lesson: str, figure: Tell, tmp_path: Path, damage) -> None:
    serving = serve("pty")
    port = int(serving.origin.rpartition(":")[2])
    learner = Learner(serving.origin)
    told = progress.steps(learner)[:5]
    for step in told:
        progress.tell_until_kept(learner, step)
    before = learner.call("GET", "/api/progress")
    _labs("backup", str(tmp_path / "kept.tar.gz"), data=serving.data)
    serving.stop()
    file = serving.data / "web" / "course.sqlite3"
    damage(file)
    damaged = hashlib.sha256(file.read_bytes()).digest()

    again = serve("pty", port=port)  # lessons and terminals go on
    terminal = Page(learner, learner.start(lesson))
    try:
        terminal.type(b"echo al''ive-$((6*7))\r")
        terminal.match(rb"alive-42\r\n")
    finally:
        terminal.close()
    refused = progress.tell(learner, told[0])
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store-failed"), refused.text
    (line, *_) = [line for line in again.lines if "progress can't be kept" in line]
    assert "estore a backup" in line and str(file) in line, line
    again.stop()
    assert hashlib.sha256(file.read_bytes()).digest() == damaged, "nothing was written to it"

    asked = time.monotonic()
    _labs("restore", str(tmp_path / "kept.tar.gz"), "--force", data=serving.data)
    took = time.monotonic() - asked
    serve("pty", port=port)
    assert learner.call("GET", "/api/progress") == before
    figure(
        f"{damage.__name__}: named in the log with its remedy, not written to; `labs restore` brought all back in {took:.1f} s"
    )


def _labs(*words: str, data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.web.serving", "labs", *words],
        cwd=ROOT,
        env=os.environ | {"LABS_DATA": str(data)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_postgres_is_killed(serve: Serve, postgres: Postgres, lesson: str, figure: Tell) -> None:  # noqa: F811
    serving = serve("pty", LABS_DATABASE=postgres.tcp_url(postgres.new_database()))
    learner = Learner(serving.origin)
    first, second = progress.steps(learner)[:2]
    page = Page(learner, learner.start(lesson))
    try:
        progress.tell_until_kept(learner, first)
        master = int((postgres.data / "postmaster.pid").read_text().split()[0])
        os.kill(master, signal.SIGKILL)
        refused = progress.tell(learner, second)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store-failed"), refused.text
        page.type(b"echo al''ive-$((6*7))\r")
        page.match(rb"alive-42\r\n")
        assert len(page.hellos) == 1 and not page.breaks, "the terminal's connection stayed"
        joined = _join(serving.origin, lesson)
        started = threading.Thread(target=eventually, args=(lambda: _starts(postgres), "PostgreSQL is there again"))
        started.start()
        started.join()
        back = time.monotonic()
        said = progress.tell_until_kept(learner, second)
        took = time.monotonic() - back
    finally:
        page.close()
    assert set(progress.kept(learner).values()) == {1}
    figure(
        f"progress 503, terminals live, a new learner {joined}; kept again {took:.1f} s after it was back ({len(said)} tries)"
    )


def _join(origin: str, lesson: str) -> str:
    """A new learner has a sandbox all the same, or is told to come again."""
    try:
        Learner(origin).start(lesson)
    except Exception as why:
        assert "503" in str(why), why
        return "503"
    return "has a sandbox"


def _starts(postgres: Postgres) -> bool:  # noqa: F811
    """The one that was killed may not be gone yet."""
    try:
        postgres.start()
    except AssertionError:
        return False
    return True
