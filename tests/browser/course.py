"""`labs serve` with the driver of this host, on a free port: a course as a learner has it, for as long as a block lasts.

Knows how it is started and told to end. Doesn't know pages.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LABS_DATA") or ROOT / ".labs")
READY_WITHIN = 300.0  # seconds: a site that is stale is built first


@dataclass
class Course:
    url: str
    log: list[str]
    process: subprocess.Popen[str]
    data: Path


@contextlib.contextmanager
def served() -> Iterator[Course]:
    """A server of our own on a free port. What is built is shared with LABS_DATA, what it keeps is not."""
    place = Path(tempfile.mkdtemp(prefix="browser-", dir=DATA))
    for built in ("images", "guest"):
        if (DATA / built).exists():
            (place / built).symlink_to(DATA / built)
    env = os.environ | {"LABS_DATA": str(place), "LABS_PORT": "0"}
    command = [sys.executable, "-m", "lab_server.cli", "serve"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    log: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            log.append(line.rstrip())
            if line.startswith("ready:"):
                ready.set()
        ready.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert ready.wait(READY_WITHIN), "\n".join(log[-30:])
        said = [line for line in log if line.startswith("ready:")]
        assert len(said) == 1, "\n".join(log[-30:])
        yield Course(said[0].split()[1].rstrip("/"), log, process, place)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(place, ignore_errors=True)


def account(course: Course, name: str, words: str) -> None:
    """Make an instructor whose password that is, as an operator does."""
    command = [sys.executable, "-m", "lab_server.cli", "admin", "create", name, "--instructor"]
    env = os.environ | {"LABS_DATA": str(course.data)}
    subprocess.run(command, cwd=ROOT, env=env, input=f"{words}\n", text=True, check=True)
