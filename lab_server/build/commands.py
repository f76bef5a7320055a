"""Runs one tool of the host: its output read line by line, its failure told in words, itself ended when we are.

Knows processes. Doesn't know what any tool does.
"""

from __future__ import annotations

import collections
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from lab_server.errors import BuildFailed, HostFull, Missing

# Builds run side by side in threads, where Ctrl-C doesn't come; the main thread ends them through here.
_running: set[subprocess.Popen[str]] = set()
_stopped = threading.Event()
ADDRESS = re.compile(r"\b[a-z]+://[^/\s]+")


def run(
    argv: Sequence[str | Path],
    doing: str,
    *,
    line: Callable[[str], None] | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
) -> str:
    """Run it to its end and return what it printed (the last 2,000 lines, both streams).

    `doing` completes the sentence "… failed". Raises Missing when there is no such program, HostFull when it stopped
    for want of room, BuildFailed otherwise, with the last lines it printed; `timeout` is seconds.
    When this process is killed the tool gets SIGTERM; when an exception (Ctrl-C) passes through here it is waited for.
    """
    if _stopped.is_set():
        raise BuildFailed(f"{doing} was interrupted.", "What was built stays; start it again to go on.")
    words = [str(word) for word in argv]
    if not shutil.which(words[0]):
        raise Missing(f"{words[0]} is not installed.", f"Install the package that has {words[0]}.")
    setpriv = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
    kept: collections.deque[str] = collections.deque(maxlen=2000)
    process = subprocess.Popen(
        [*setpriv, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        start_new_session=True,
    )
    assert process.stdout is not None
    _running.add(process)
    watchdog = _Watchdog(process, timeout)
    try:
        with watchdog, process.stdout:
            for text in process.stdout:
                kept.append(text.rstrip("\n"))
                if line:
                    line(text)
        code = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        _running.discard(process)
    if _stopped.is_set():
        raise BuildFailed(f"{doing} was interrupted.", "What was built stays; start it again to go on.")
    if watchdog.expired:
        raise BuildFailed(f"{doing} took longer than {timeout:.0f} seconds.", "Try again, on a less busy machine.")
    if code:
        said = "\n".join(kept)
        if "No space left on device" in said:
            raise HostFull(f"{doing} failed: the disk is full.", "Free some space below LABS_DATA, then try again.")
        raise BuildFailed(f"{doing} failed (status {code}).", "The last it said:\n" + tail(kept))
    return "\n".join(kept)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """For the main thread, around builds in other threads: when an exception passes, or SIGTERM comes, every tool that
    runs is ended and no more are started, so that the builds end too, and clean up, before this returns."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except BaseException:
        _stopped.set()
        for process in list(_running):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def tail(lines: Sequence[str] | collections.deque[str], count: int = 12) -> str:
    """The last lines, indented, without the names of hosts."""
    wanted = [text for text in lines if text.strip()][-count:]
    return "\n".join("    " + ADDRESS.sub("<mirror>", text)[:300] for text in wanted)


def _end(process: subprocess.Popen[str]) -> None:
    """End the tool and all it started; its session is its own, so nobody else is in the group."""
    for number, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return


class _Watchdog:
    """Kills the process group when the time is over."""

    def __init__(self, process: subprocess.Popen[str], timeout: float | None) -> None:
        self.expired = False
        self._process = process
        self._timer = threading.Timer(timeout, self._expire) if timeout else None

    def _expire(self) -> None:
        self.expired = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> _Watchdog:
        if self._timer:
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()
