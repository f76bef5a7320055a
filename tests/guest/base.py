"""The engine's disk with `labs-base` in it: the image that stands where a registry's Debian would → <data>/engine/store/.

    scratch.ext4  sparse, with project quotas; below docker/ the engine's data, the image imported by the engine itself

The guest reaches no registry, so the image is made here of Debian's packages and given to `docker import` once, in a
guest whose scratch disk is kept. Each start then begins with a throwaway copy of that disk: no time is spent on the image.
Knows what is in the image. Doesn't know what is built from it.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from lab_server.build import Progress, artefacts, commands, debian, ext4, guest, part
from lab_server.errors import BuildFailed
from tests.guest import engine, machine, parcel

NAME = "labs-base"
PACKAGES = (
    *("apparmor", "busybox-static", "ca-certificates", "crun", "debian-archive-keyring", "e2fsprogs", "iproute2"),
    *("kmod", "mmdebstrap", "mount", "procps", "python3", "python3-pip", "python3-venv", "util-linux"),
)
LEAVE_OUT = (*debian.LEAVE_OUT, "/usr/share/man/*", "/usr/share/bash-completion/*")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
IMPORT = f"""#!/bin/sh
set -e
docker import --change 'CMD ["bash"]' --change 'ENV PATH={PATH}' /shipped/base/base.tar {NAME}
docker image inspect --format '{NAME}: {{{{.Size}}}} bytes' {NAME}
python3 dockerd.py stop
mount -o remount,ro /scratch  # whole on the disk before the machine is switched off
"""
DISK = "scratch.ext4"
SPACE = 3 << 30
WITHIN = 600.0  # seconds for the import


def build(data: Path, progress: Progress) -> Path:
    """The disk, made when it is not fresh. Raises LabError."""
    folder = engine.build(data, part(progress, 0.0, 0.5))
    store = folder / "store"
    if not _fresh(store):
        with artefacts.locked(store):
            if not _fresh(store):
                artefacts.room(store, SPACE)
                _build(data, folder, store, part(progress, 0.5, 1.0))
    return store / DISK


def _inputs() -> str:
    return artefacts.digest([engine.inputs(), Path(__file__)])


def _fresh(store: Path) -> bool:
    manifest = artefacts.read_manifest(store)
    return manifest.get("inputs") == _inputs() and artefacts.whole(store, manifest, DISK)


def _build(data: Path, folder: Path, store: Path, progress: Progress) -> None:
    with artefacts.staging(store) as new:
        tree, base = new / "tree", new / "base"
        base.mkdir()
        debian.tree(tree, PACKAGES, part(progress, 0.0, 0.5), variant="apt", leave_out=LEAVE_OUT)
        versions = debian.versions(tree)
        for left in ("var/cache/apt", "var/lib/apt/lists"):
            for path in (tree / left).iterdir():
                path.unlink() if path.is_file() else shutil.rmtree(path)
        progress(0.55, f"Packing {NAME}")
        tar = ["tar", "--create", "--numeric-owner", "--xattrs", "--one-file-system"]
        commands.run([*tar, "--file", base / "base.tar", "--directory", tree, "."], f"Packing {NAME}")
        artefacts.remove(tree)
        progress(0.6, f"Giving {NAME} to the engine")
        ext4.scratch(new / DISK, guest.SCRATCH, "labs-scratch")
        files = parcel.for_script(IMPORT.encode(), engine=True)
        job = machine.Job(folder, new / DISK, files, keep=True, shipped={"base": base}, within=WITHIN)
        if machine.run(job, data):
            raise BuildFailed(f"The engine did not take {NAME}.", "What it said is above.")
        manifest = {
            "inputs": _inputs(),
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "packages": versions,
            "sizes": {DISK: (new / DISK).stat().st_size},
        }
        (store / artefacts.MANIFEST).unlink(missing_ok=True)
        artefacts.put(new / DISK, store / DISK)
        artefacts.write_manifest(store, manifest)
