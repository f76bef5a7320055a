"""A kernel image and initial RAM disks for direct boot.

Knows how a bzImage carries the kernel proper (compressed, somewhere inside; the kernel's scripts/extract-vmlinux goes
about it the same way) and that QEMU starts an ELF kernel with a PVH note directly. Doesn't know what is booted.
"""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab_server.errors import BuildFailed
from lab_server.sandbox.guest import payload

ZSTD, ELF = b"\x28\xb5\x2f\xfd", b"\x7fELF"


def unpack(bzimage: Path, target: Path) -> None:
    """Write the ELF kernel inside `bzimage` to `target`. Raises BuildFailed when there is none that zstd can unpack."""
    packed = bzimage.read_bytes()
    at = packed.find(ZSTD)
    while at != -1:
        # zstd complains of what follows the kernel in the file, after it has written all of it
        done = subprocess.run(["zstd", "-dcq"], input=packed[at:], capture_output=True, check=False)
        if done.stdout.startswith(ELF):
            target.write_bytes(done.stdout)
            return
        at = packed.find(ZSTD, at + 1)
    raise BuildFailed(f"{bzimage.name} holds no kernel that zstd can unpack.", "See lab_server/build/kernel.py.")


def ramdisk(target: Path, tree: Path, init: str, files: Sequence[Path]) -> None:
    """An initial RAM disk with the tree's busybox, `init` as /init, and `files` beside it."""
    entries = {
        "init": (init.encode(), payload.PROGRAM),
        "bin/busybox": ((tree / "usr/bin/busybox").read_bytes(), payload.PROGRAM),
    }
    entries |= {path.name: (path.read_bytes(), payload.PUBLIC) for path in files}
    target.write_bytes(gzip.compress(payload.cpio(entries), compresslevel=1, mtime=0))
