"""The archive by itself: what was written is read, and nothing else is."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from pathlib import Path
from typing import Any

import pytest

from lab_server.errors import BadInput
from lab_server.store import archive
from lab_server.store.archive import Manifest

FILES = {"database.sqlite3": random.Random(1).randbytes(300_000), "cookie.key": b"k" * 64, "verified.json": b"{}"}


def packed(folder: Path, **changed: Any) -> bytes:
    """An archive of FILES, whose manifest may be wrong."""
    folder.mkdir(exist_ok=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    fields: dict[str, Any] = {"application": "0.1", "schema": "0002", "made": "now", "database": "sqlite"}
    fields |= {"files": archive.describe(folder)} | changed
    out = io.BytesIO()
    archive.write(out, Manifest(**fields), folder)
    return out.getvalue()


def tarred(*members: tuple[tarfile.TarInfo | str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for given, content in members:
            member = tarfile.TarInfo(given) if isinstance(given, str) else given
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def manifest(**changed: Any) -> bytes:
    about = {"size": 1, "sha256": hashlib.sha256(b"x").hexdigest()}
    fields = {"format": 1, "application": "9", "schema": "0001", "made": "now", "database": "sqlite"}
    return json.dumps(fields | {"files": {"database.sqlite3": about}} | changed).encode()


def refused(tmp_path: Path, content: bytes) -> BadInput:
    place = tmp_path / "unpacked"
    place.mkdir(exist_ok=True)
    with pytest.raises(BadInput) as why:
        archive.read(io.BytesIO(content), place)
    for file in place.iterdir():
        assert file.name in FILES
        file.unlink()
    assert why.value.remedy
    return why.value


def test_what_was_written_is_read(tmp_path: Path) -> None:
    place = tmp_path / "unpacked"
    place.mkdir()
    found = archive.read(io.BytesIO(packed(tmp_path / "given")), place)
    assert (found.schema, found.database, set(found.files)) == ("0002", "sqlite", set(FILES))
    assert {file.name: file.read_bytes() for file in place.iterdir()} == FILES


def test_an_archive_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = packed(tmp_path / "given")
    for length in [*range(64), *range(64, len(whole) - 64, 9973), *range(len(whole) - 64, len(whole))]:
        why = refused(tmp_path, whole[:length])
        assert "beginning" in why.message or "cut short" in why.message, (length, why)


def test_an_archive_with_one_bit_turned_is_refused(tmp_path: Path) -> None:
    whole = packed(tmp_path / "given")
    chance = random.Random(2)
    for _ in range(60):
        content = bytearray(whole)
        content[chance.randrange(10, len(whole))] ^= 1 << chance.randrange(
            8
        )  # the first ten bytes say nothing that counts
        refused(tmp_path, bytes(content))


def test_something_behind_the_archive_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, packed(tmp_path / "given") + b"more")


def link(name: str, to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, to
    return member


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no backup"),
        (b"SQLite format 3\0" * 100, "no backup"),
        (gzip.compress(b"some text " * 100), "no backup"),
        (tarred(), "no backup"),
        (tarred(("cookie.key", b"x")), "begin with a manifest"),
        (tarred(("manifest.json", b"no json")), "can't be read"),
        (tarred(("manifest.json", b"[]")), "can't be read"),
        (tarred(("manifest.json", b"\xff\xfe")), "can't be read"),
        (tarred(("manifest.json", b" " * 70_000)), "begin with a manifest"),
        (tarred((link("manifest.json", "/etc/passwd"), b"")), "begin with a manifest"),
        (tarred(("manifest.json", manifest(format=2))), "newer version of the course (9)"),
        (tarred(("manifest.json", manifest(format=0))), "other things"),
        (tarred(("manifest.json", manifest(more=1))), "can't be read"),
        (tarred(("manifest.json", manifest(database="oracle"))), "can't be read"),
        (tarred(("manifest.json", manifest(database="postgresql"))), "other things"),
        (tarred(("manifest.json", manifest(files={}))), "other things"),
        (tarred(("manifest.json", manifest(schema="0001; DROP"))), "no revision"),
        (tarred(("manifest.json", manifest(files={"../x": {"size": 1, "sha256": ""}}))), "other things"),
        (tarred(("manifest.json", manifest())), "not those of its manifest"),
        (tarred(("manifest.json", manifest()), ("../../x", b"x")), "not those of its manifest"),
        (tarred(("manifest.json", manifest()), ("/tmp/x", b"x")), "not those of its manifest"),
        (tarred(("manifest.json", manifest()), (link("database.sqlite3", "/etc/passwd"), b"")), "not those"),
        (tarred(("manifest.json", manifest()), ("database.sqlite3", b"y")), "not what was saved"),
        (tarred(("manifest.json", manifest()), ("database.sqlite3", b"xx")), "not what was saved"),
    ],
)
def test_what_is_no_archive_of_ours(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path, content).message
