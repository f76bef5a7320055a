"""A backup as one file: a gzip'd tar of a manifest and the files that it lists, each with its length and hash.

    manifest.json       what it is, first in the file: {"format": 1, "application": "0.1", "schema": "0002", "made": "2026-…",
                        "database": "sqlite", "files": {"cookie.key": {"size": 65, "sha256": "…"}, …}}
    database.sqlite3    or database.dump (pg_dump's custom format)
    cookie.key, verified.json

Knows this format. Doesn't know databases, nor where anything comes from or goes. What is read may be anything at all: nothing but
these names is unpacked, and nothing counts before the last byte was read.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from lab_server.errors import BadInput

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = {"sqlite": "database.sqlite3", "postgresql": "database.dump"}  # kind → the file it is in
KEY, VERIFIED = "cookie.key", "verified.json"
MOST_MANIFEST = 65536  # bytes
CHUNK = 1 << 20
OTHER = "Give the file that `labs backup` wrote."
AGAIN = "Take another backup: of this one nothing was restored."


@dataclass(frozen=True)
class Manifest:
    """`schema` is the database's revision; None for one that no server has opened yet."""

    application: str
    schema: str | None
    made: str
    database: str
    files: Mapping[str, Mapping[str, Any]]


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """The `files` of a manifest, for all that is in the folder."""
    found = {}
    for file in sorted(folder.iterdir()):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        found[file.name] = {"size": file.stat().st_size, "sha256": digest}
    return found


def write(out: IO[bytes], manifest: Manifest, folder: Path) -> None:
    """The whole archive, into a file or a pipe."""
    head = json.dumps({"format": FORMAT} | asdict(manifest), indent=1).encode()
    with (
        gzip.GzipFile(filename="", fileobj=out, mode="wb", compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        _add(tar, MANIFEST, len(head), io.BytesIO(head))
        for name, about in manifest.files.items():
            with (folder / name).open("rb") as content:
                _add(tar, name, about["size"], content)


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, content)


def read(source: IO[bytes], folder: Path) -> Manifest:
    """Unpack into an empty folder. Raises BadInput for what is no archive of ours, or isn't whole; then `folder` is to be thrown away."""
    manifest: Manifest | None = None
    try:
        with gzip.GzipFile(fileobj=source, mode="rb") as unpacked:
            with tarfile.open(fileobj=unpacked, mode="r|") as tar:
                manifest = _manifest(tar)
                for _ in manifest.files:
                    _take(tar, manifest, folder)
            while unpacked.read(CHUNK):
                pass  # up to gzip's own checksum, behind the last file
    except (EOFError, gzip.BadGzipFile, zlib.error, tarfile.TarError) as why:
        if manifest is None:
            raise BadInput(f"This is no backup of the course, or just the beginning of one ({why}).", OTHER) from None
        raise BadInput(f"The backup is damaged or cut short ({why}).", AGAIN) from None
    return manifest


def _manifest(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    if first is None or first.name != MANIFEST or not first.isreg() or first.size > MOST_MANIFEST:
        raise BadInput("This is no backup of the course: it doesn't begin with a manifest.", OTHER)
    content = tar.extractfile(first)
    assert content
    try:
        given = json.loads(content.read())
        number = given.pop("format")
        if isinstance(number, int) and number > FORMAT:
            raise BadInput(
                f"The backup was made by a newer version of the course ({given.get('application')}).",
                "Restore it with that version.",
            )
        manifest = Manifest(**given)
        files = {name: (int(about["size"]), str(about["sha256"])) for name, about in manifest.files.items()}
        wanted = {DATABASE[manifest.database], KEY, VERIFIED}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput("This is no backup of the course: its manifest can't be read.", OTHER) from None
    if number != FORMAT or not files.keys() <= wanted or DATABASE[manifest.database] not in files:
        raise BadInput("This is no backup of the course: its manifest lists other things.", OTHER)
    if not re.fullmatch(r"\w{1,40}|None", str(manifest.schema)):
        raise BadInput("This is no backup of the course: its schema is no revision.", OTHER)
    return manifest


def _take(tar: tarfile.TarFile, manifest: Manifest, folder: Path) -> None:
    """The next file of the archive, checked."""
    member = tar.next()
    about = manifest.files.get(member.name) if member else None
    if member is None or about is None or not member.isreg() or (folder / member.name).exists():
        raise BadInput("The backup is damaged: its files are not those of its manifest.", AGAIN)
    content, digest = tar.extractfile(member), hashlib.sha256()
    assert content
    with (folder / member.name).open("xb") as out:
        while part := content.read(CHUNK):
            digest.update(part)
            out.write(part)
    if member.size != about["size"] or digest.hexdigest() != about["sha256"]:
        raise BadInput(f"The backup is damaged: {member.name} is not what was saved.", AGAIN)
