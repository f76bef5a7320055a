"""A key through a learner's terminal and through a PTY beside it, in turn: `python3 - SANDBOX SESSION < echo.py` in a service's container.

Knows the spawner's socket and how a PTY is opened. Prints one line of JSON: microseconds of each key, `sandbox` and `direct`.
Both programs are the same `cat` with the terminal raw and its own echo off, so that the kernel's echo is no answer.
"""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time

from lab_server import settings
from lab_server.sandbox.client import SpawnerClient

KEYS = 200
PATIENCE = 60.0  # seconds
PROGRAM = b"stty raw -echo; printf RE''ADY; exec cat\n"


def until(fd: int, what: bytes) -> None:
    """Read up to `what`. Raises TimeoutError."""
    said = b""
    deadline = time.monotonic() + PATIENCE
    while what not in said:
        if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError(f"{what!r} did not come; it said {said[-300:]!r}")
        said += os.read(fd, 65536)


def key(fd: int, name: bytes) -> float:
    """Microseconds from a key to its answer."""
    began = time.perf_counter()
    os.write(fd, name)
    until(fd, name)
    return (time.perf_counter() - began) * 1e6


def main(sandbox: str, session: str) -> None:
    opened = SpawnerClient(settings.load().socket).open(sandbox, session, 80, 24)
    master, slave = pty.openpty()
    with subprocess.Popen(["sh"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as shell:
        took: dict[str, list[float]] = {"sandbox": [], "direct": []}
        terminals = {"sandbox": opened.fd, "direct": master}
        for fd in terminals.values():
            os.set_blocking(fd, True)
            os.write(fd, PROGRAM)
            until(fd, b"READY")
        for number in range(KEYS):
            name = b"%c" % (ord("a") + number % 26)
            for which, fd in terminals.items():
                took[which].append(key(fd, name))
        shell.kill()
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
