"""Folders of built things: is it fresh, is it whole, make it anew beside the old one, put it in place in one step.

Knows hashes, manifests, locks, and how to remove a tree that may have mounts in it. Doesn't know what is built.
A manifest says what the thing was built from (`inputs`), so that a change of any input shows, and how long its files
are (`sizes`), so that a cut-short copy shows.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab_server.errors import BuildFailed, HostFull

MANIFEST = "manifest.json"


def digest(parts: Iterable[Path | str]) -> str:
    """A hash over texts and files (a folder counts with all in it: names, modes, contents)."""
    total = hashlib.blake2b(digest_size=16)
    for item in parts:
        if isinstance(item, str):
            total.update(b"text\0" + item.encode() + b"\0")
            continue
        files = [item] if item.is_file() else sorted(path for path in item.rglob("*") if not path.is_dir())
        for file in files:
            if "__pycache__" in file.parts:
                continue
            content = bytes(file.readlink()) if file.is_symlink() else file.read_bytes()
            mode = file.lstat().st_mode & 0o111
            total.update(f"{file.relative_to(item.parent)}\0{mode}\0{len(content)}\0".encode() + content)
    return total.hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """What is written there, or {} where nothing readable is."""
    try:
        found = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """In one step: a reader sees the old one or the new one."""
    with tempfile.NamedTemporaryFile("w", dir=folder, delete=False) as file:
        json.dump(manifest, file, indent=1, sort_keys=True)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(folder / MANIFEST)


def whole(folder: Path, manifest: dict[str, Any], name: str) -> bool:
    """Whether the file `name` is as long as when it was built."""
    file = folder / name
    return file.is_file() and file.stat().st_size == manifest.get("sizes", {}).get(name)


def damaged(file: Path, why: str) -> BuildFailed:
    return BuildFailed(f"{file.name} is damaged: {why}.", "Build it again: labs build --force.")


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Only one build in `folder` at a time; another waits here. Clears what an interrupted one left."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(".new-*"):
            remove(left)
        yield


@contextlib.contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A new folder beside the finished things; whatever is left in it at the end goes, however the end came.

    SIGTERM ends the build like Ctrl-C does, so that the tools it runs are ended and nothing is left.
    """
    place = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    place.chmod(0o755)
    try:
        with _terminable():
            yield place
    finally:
        remove(place)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: who started it looks after signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def put(new: Path, old: Path) -> None:
    """`new` takes the place of `old`; a folder there is moved aside first and then removed."""
    if old.is_dir() and not old.is_symlink():
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=old.parent))
        old.rename(aside / "old")
        new.rename(old)
        remove(aside)
    else:
        new.rename(old)


def remove(folder: Path) -> None:
    """Remove a tree, unmounting first what a killed tool left mounted below it."""
    if not folder.exists():
        return
    below = str(folder.resolve())
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in sorted((p for p in points if p.startswith(below + "/") or p == below), reverse=True):
        subprocess.run(["umount", "-l", point], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(folder)


def room(folder: Path, needed: int) -> None:
    """Raises HostFull unless `needed` bytes are free there."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise HostFull(
            f"{folder} has {free >> 20} MiB free; this needs {needed >> 20}.",
            "Free some space, or set LABS_DATA to a folder on another disk.",
        )
