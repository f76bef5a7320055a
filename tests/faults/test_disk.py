"""The disk below LABS_DATA is full, really: an ext4 of our own on a loop device."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_server import supervise
from lab_server.errors import HostFull
from tests.compose.learner import Learner
from tests.compose.page import Page
from tests.compose.stack import Failed
from tests.faults import hosting, progress
from tests.faults.conftest import Serve, Tell
from tests.shell import eventually
from tests.web.processes import WEB

SIZE = 768 << 20  # bytes: room for a sandbox beside what is always left free; most of them are never written


@pytest.fixture
def small_disk(place: Path) -> Iterator[Path]:
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("a file system of one's own takes root and mkfs.ext4")
    image, disk = place / "disk.ext4", place / "disk"
    with image.open("wb") as made:
        made.truncate(SIZE)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    disk.mkdir()
    mounted = subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no loop device can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)  # a server that a failed test left may still have it


def free(disk: Path) -> int:
    stat = os.statvfs(disk)
    return stat.f_bavail * stat.f_frsize


def fill(disk: Path) -> Path:
    """A file of all that is free; no byte of it is written."""
    ballast = disk / "ballast"
    fd = os.open(ballast, os.O_CREAT | os.O_WRONLY)
    at, piece = 0, 1 << 28
    while piece >= 4096:
        try:
            os.posix_fallocate(fd, at, piece)
            at += piece
        except OSError:
            piece //= 2
    os.close(fd)
    return ballast


def test_the_disk_is_full(small_disk: Path, serve: Serve, driver: str, lesson: str, figure: Tell) -> None:
    data = small_disk / "data"
    serving = serve(driver, data=data)
    inside, late = Learner(serving.origin), Learner(serving.origin)
    page = Page(inside, inside.start(lesson))
    try:
        told, others = progress.steps(inside)[:5], progress.steps(inside)[5:]
        for step in told:
            progress.tell_until_kept(inside, step)
        ballast = fill(small_disk)
        assert free(small_disk) < 4096 * 4

        config = data / "run" / "spawner.json"
        before = config.read_text()
        with pytest.raises(HostFull, match="the disk is full"):  # `labs serve` started now says so
            supervise.write_private(config, before + " " * 65536)
        assert config.read_text() == before
        assert not _joins(late, lesson)
        acknowledged = list(told)
        for step in others:
            if progress.tell(inside, step).status_code != 200:
                break
            acknowledged.append(step)
        else:
            raise AssertionError("the database never had no room")
        page.type(b"echo al''ive-$((6*7))\r")
        page.match(rb"alive-42\r\n")

        hosting.kill(serving, WEB)  # what starts on a full disk is still a server
        killed = time.monotonic()
        page.greeted(2)
        back = time.monotonic() - killed
        page.type(b"echo ag''ain-$((6*7))\r")
        page.match(rb"again-42\r\n")
        assert not page.breaks

        ballast.unlink()
        eventually(lambda: progress.tell(inside, step).status_code == 200, "progress is kept again")
    finally:
        page.close()
    assert {progress.named(one) for one in [*acknowledged, step]} <= progress.kept(inside).keys()
    eventually(lambda: _joins(late, lesson), "there is room again")
    with contextlib.closing(sqlite3.connect(f"file:{data / 'web' / 'course.sqlite3'}?mode=ro", uri=True)) as at:
        assert at.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    figure(
        f"{driver}: 0 bytes free: a join refused with words, a line typed answered, web killed and back in {back:.1f} s; "
        f"{len(acknowledged)} of {len(acknowledged)} acknowledged steps there after, the database whole"
    )


def _joins(learner: Learner, lesson: str) -> bool:
    """Whether there is room; the learner is told in words where there is none."""
    try:
        learner.start(lesson)
    except Failed as why:
        assert re.search(r"\b0 MiB", str(why)), why
        return False
    return True
