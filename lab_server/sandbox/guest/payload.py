"""The archive that each start of the guest gets: files in memory → cpio "newc" (the kernel's initramfs format).

Knows the format (the kernel's Documentation/driver-api/early-userspace/buffer-format.rst) and which files the guest's
side of the sandbox code needs. The archive is appended to the initial RAM disk, so nothing secret stands on the
kernel's command line, which every learner can read.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]  # lab_server/
FOLDER = "payload"  # where the initial RAM disk looks for it
PRIVATE, PUBLIC, PROGRAM = 0o600, 0o644, 0o755


def code() -> dict[str, tuple[bytes, int]]:
    """This checkout's sandbox side: name in the archive → (content, mode)."""
    files = [PACKAGE / "__init__.py", PACKAGE / "errors.py"]
    files += [path for path in sorted((PACKAGE / "sandbox").rglob("*")) if path.suffix in (".py", ".json", ".profile")]
    found = {f"lab_server/{path.relative_to(PACKAGE)}": (path.read_bytes(), PUBLIC) for path in files}
    here = Path(__file__).parent
    found["init"] = ((here / "init.sh").read_bytes(), PROGRAM)
    return found


def archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """A gzipped cpio with these files below FOLDER."""
    below = {f"{FOLDER}/{name}": given for name, given in files.items()}
    return gzip.compress(cpio(below), compresslevel=1, mtime=0)


def cpio(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Name → (content, mode) as a cpio archive, owned by root, the folders they need before them."""
    parts: list[bytes] = []
    made: set[str] = set()
    for path, (content, mode) in sorted(files.items()):
        for parent in reversed(Path(path).parents[:-1]):
            if str(parent) not in made:
                made.add(str(parent))
                parts.append(_entry(str(parent), b"", 0o040755))
        parts.append(_entry(path, content, 0o100000 | mode))
    parts.append(_entry("TRAILER!!!", b"", 0))
    return b"".join(parts)


def _entry(name: str, content: bytes, mode: int) -> bytes:
    encoded = name.encode() + b"\0"
    links = 2 if mode & 0o040000 else 1
    #         inode mode  uid gid links  mtime size         devices     name's size   checksum
    fields = (0, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    return _pad(head) + _pad(content)


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
