"""Who uses the web server's folder: servers share it, a restore has it to itself.

Knows one file, locked as flock(2) does, which holds between containers that share the folder. Doesn't know what else is in there.
A lock ends with its process, however that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from lab_server.errors import Conflict

NAME = "lock"


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[None]:
    """For a server. Raises Conflict while a backup is being restored."""
    with _locked(folder, fcntl.LOCK_SH) as had:
        if not had:
            raise Conflict(f"A backup is being restored into {folder}.", "Start again when that is done.")
        yield


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """For a restore. Raises Conflict while a server, or another restore, uses the folder."""
    with _locked(folder, fcntl.LOCK_EX) as had:
        if not had:
            raise Conflict(
                f"The course is being served from {folder}, or another backup is being restored.",
                "Stop the web server first.",
            )
        yield


@contextlib.contextmanager
def _locked(folder: Path, how: int) -> Iterator[bool]:
    fd = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, how | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)
