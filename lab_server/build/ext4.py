"""File systems in files, by mke2fs(8): a folder made a read-only disk, or an empty one with quotas.

Knows ext4's superblock far enough to tell a whole image from a damaged one. Doesn't know what is inside.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

from lab_server.build import artefacts, commands

SLACK = 48 << 20  # bytes: what mke2fs itself needs, and a few directories
BLOCK = 4096


def _usage(folder: Path) -> tuple[int, int]:
    """(bytes in whole blocks, files) below `folder`."""
    size = count = 0
    for path in folder.rglob("*"):
        found = path.lstat()
        count += 1
        if path.is_file() and not path.is_symlink():
            size += -(-found.st_size // BLOCK) * BLOCK
        else:
            size += BLOCK
    return size, count


def pack(image: Path, folders: Mapping[str, Path], label: str) -> None:
    """A read-only disk `image` with each of `folders` in it under its name ("" for the root itself). Needs root."""
    size, count = map(sum, zip(*(_usage(folder) for folder in folders.values()), strict=True))
    if "" in folders:
        _mke2fs(image, int(size * 1.04) + SLACK, label, "-N", str(count + 64), "-d", str(folders[""]))
        return
    # mke2fs takes one folder: lay them side by side in a mount namespace that ends with the tool
    with artefacts.staging(image.parent) as together:
        script = (
            'set -e; image=$1; shift; while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done; shift; exec "$@"'
        )
        words: list[str] = []
        for name, folder in folders.items():
            (together / name).mkdir()
            words += [str(folder), str(together / name)]
        words += ["--", *_command(image, int(size * 1.04) + SLACK, label, "-N", str(count + 64), "-d", str(together))]
        commands.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", str(image), *words],
            f"Making the disk {image.name}",
        )


def scratch(image: Path, size: int, label: str) -> None:
    """An empty, sparse disk of `size` bytes that can hold project quotas."""
    _mke2fs(
        image,
        size,
        label,
        "-O",
        "quota,project",
        "-E",
        "quotatype=prjquota,lazy_itable_init=1,root_owner=0:0",
        "-m",
        "0",
    )


def _command(image: Path, size: int, label: str, *options: str) -> list[str]:
    # no journal: the disk is written once here, or thrown away after each start
    fixed = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-O", "^has_journal", "-L", label, *options]
    return [*fixed, str(image), str(size // 1024) + "k"]


def _mke2fs(image: Path, size: int, label: str, *options: str) -> None:
    commands.run(_command(image, size, label, *options), f"Making the disk {image.name}")


def check(image: Path) -> None:
    """Raises BuildFailed when the file is no ext4 or is shorter than its superblock says."""
    try:
        with image.open("rb") as file:
            file.seek(1024)
            block = file.read(1024)
    except OSError as why:
        raise artefacts.damaged(image, str(why.strerror)) from None
    if len(block) < 1024 or struct.unpack_from("<H", block, 56)[0] != 0xEF53:
        raise artefacts.damaged(image, "it holds no ext4 file system")
    blocks = struct.unpack_from("<I", block, 4)[0] << (10 + struct.unpack_from("<I", block, 24)[0])
    size = image.stat().st_size
    if size < blocks:
        raise artefacts.damaged(image, f"it is {size} bytes long and should be {blocks}")
