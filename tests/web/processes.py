"""`labs serve` as processes, for tests that kill some of them: the supervisor, web and the spawner are the real ones.

Knows how they are started, found, killed and stopped. Doesn't know what is asked of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab_server.settings import ROOT
from tests.shell import eventually

PATIENCE = 30.0  # seconds; how long a test waits for what must happen
STOP_WITHIN = 60.0  # seconds; every sandbox is ended meanwhile
WEB, SPAWNER = "lab_server.web", "tests.web.serving"  # the modules they run


@dataclass
class Serving:
    process: subprocess.Popen[str]
    data: Path
    lines: list[str] = field(default_factory=list)
    origin: str = ""

    def follow(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def child(self, module: str) -> int:
        """The pid of the process that runs a module, once there is one."""

        def find() -> int:
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    ours = module.encode() in words and any(str(self.data).encode() in word for word in words)
                    if ours and parent(int(process.name)) == self.process.pid:
                        return int(process.name)
            return 0

        return int(str(eventually(find, f"there is a {module}")))

    def ready(self) -> str:
        """The address of the `ready:` line, or "" as long as there is none. AssertionError when it ended."""
        assert self.process.poll() is None, self.lines
        return next((line.partition("ready: ")[2].rstrip("/") for line in self.lines if line.startswith("ready:")), "")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(STOP_WITHIN)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def start(data: Path, driver: str = "pty", port: int = 0, settings: Mapping[str, str] | None = None) -> Serving:
    """`labs serve` on this folder with this driver; not ready yet. `settings` are LABS_… by their names in the environment."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.web.serving", str(data), str(port), driver],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
    )
    made = Serving(process, data)
    threading.Thread(target=made.follow, daemon=True).start()
    return made


@contextlib.contextmanager
def served(data: Path, driver: str = "pty") -> Iterator[Serving]:
    """The same, ready; stopped at the end."""
    made = start(data, driver)
    try:
        made.origin = str(eventually(made.ready, "it gets ready"))
        yield made
    finally:
        made.stop()
