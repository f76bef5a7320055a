"""The files of recordings: `<id>.cast` in one folder, of whole lines, each as large as it may be.

Knows files. Doesn't know terminals or rows. Everything here waits for the disk: call it in a thread. Raises HostFull where the disk
doesn't take it; then the file is as long as it was before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from lab_server.errors import HostFull, NotFound

ID = re.compile(r"[0-9a-f]{24}")
SUFFIX = ".cast"
TAIL = 256 * 1024  # bytes in which a file's last line is looked for


class Tapes:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, id: str) -> Path:
        """Raises NotFound for what is no id: nothing that came from outside leads out of the folder."""
        if not ID.fullmatch(id):
            raise NotFound("There is no such recording.")
        return self._folder / f"{id}{SUFFIX}"

    def append(self, id: str, lines: bytes) -> None:
        """Whole lines, all of them or none. Raises HostFull."""
        path = self.path(id)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            file = os.open(path, flags, 0o600)
        except OSError as why:
            raise _full(why) from why
        before = os.fstat(file).st_size
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(file, rest) :]
        except OSError as why:
            with contextlib.suppress(OSError):
                os.ftruncate(file, before)
            raise _full(why) from why
        finally:
            os.close(file)

    def read(self, id: str, offset: int, most: int) -> bytes:
        """Raises NotFound where the file is not there."""
        try:
            with self.path(id).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            raise NotFound(
                "The recording's file is not there.", "A backup of the database has no recordings in it."
            ) from None

    def size(self, id: str) -> int:
        """0 where it is not there."""
        with contextlib.suppress(OSError):
            return self.path(id).stat().st_size
        return 0

    def mend(self, id: str) -> tuple[int, float]:
        """Cut off what a killed writer left of a line; how long the file is then, and the time of its last event."""
        try:
            with self.path(id).open("r+b") as file:
                start = max(0, file.seek(0, os.SEEK_END) - TAIL)
                file.seek(start)
                tail = file.read()
                whole = tail[: tail.rfind(b"\n") + 1]
                if len(whole) < len(tail):
                    file.truncate(start + len(whole))
                return start + len(whole), _last(whole)
        except OSError:
            return 0, 0.0

    def ids(self) -> set[str]:
        """Of every file that is there."""
        with contextlib.suppress(OSError):
            return {file.stem for file in self._folder.iterdir() if file.suffix == SUFFIX}
        return set()

    def total(self) -> int:
        """Bytes of all of them."""
        return sum(self.size(id) for id in self.ids() if ID.fullmatch(id))

    def remove(self, ids: Iterable[str]) -> None:
        for id in ids:
            if ID.fullmatch(id):
                with contextlib.suppress(FileNotFoundError):
                    self.path(id).unlink()


def _last(lines: bytes) -> float:
    line = lines.rstrip(b"\n").rpartition(b"\n")[2]
    with contextlib.suppress(ValueError, TypeError, IndexError):
        event = json.loads(line)
        if isinstance(event, list):
            return float(event[0])
    return 0.0


def _full(why: OSError) -> HostFull:
    return HostFull(
        f"A recording can't be written: {why.strerror}.", "Free some disk space, or lower LABS_RECORDINGS_MIB."
    )
