"""Images made of Debian's programs, for where no registry can be reached: labs/images/<name>/image.json → one archive.

Knows image.json, which files a program needs, and the archive that `podman load` reads (manifest.json, a
configuration and one tar a layer). Doesn't know registries or the image store. Says of every image that it is a
stand-in: in its labels, its history and its /etc/os-release.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab_server.build import commands
from lab_server.errors import BuildFailed

LABEL = "org.labs.stand-in"
DIRECTORIES = (
    *("dev", "etc", "home", "mnt", "proc", "root", "run", "srv", "sys", "tmp"),
    *("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "var/cache", "var/lib", "var/log", "var/tmp"),
)
MERGED = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
INSTRUCTIONS = {"Cmd": "CMD", "ExposedPorts": "EXPOSE", "StopSignal": "STOPSIGNAL"}
EPOCH = 1767225600  # the same files give the same layers, whenever they are made


@dataclass(frozen=True)
class Recipe:
    """One image.json; `folder` is where it lies."""

    name: str
    folder: Path
    reference: str
    given: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Recipe:
        file = folder / "image.json"
        try:
            given = json.loads(file.read_text())
            return cls(folder.name, folder, given["reference"], given)
        except (OSError, ValueError, KeyError) as why:
            raise BuildFailed(f"{file} can't be used: {why}.", "See labs/images/alpine/image.json.") from None

    @property
    def packages(self) -> list[str]:
        """Debian packages that the learner's machine doesn't have."""
        return list(self.given.get("packages", ()))


@dataclass
class _Image:
    layers: list[tuple[str, bytes]] = field(default_factory=list)  # (sha256, tar)
    history: list[dict[str, Any]] = field(default_factory=list)


class Maker:
    """Makes images of the programs in `tree` (the learner's machine) and of `extra` (unpacked packages over it)."""

    def __init__(self, tree: Path, extra: Path) -> None:
        self._tree, self._extra = tree, extra
        self._made: dict[str, _Image] = {}

    def archive(self, recipes: Iterable[Recipe], target: Path) -> None:
        """Write every image into the archive `target`; one another's bases come first."""
        manifest = []
        with tarfile.open(target, "w") as archive:
            written: set[str] = set()
            for recipe in recipes:
                image = self._make(recipe)
                for digest, content in image.layers:
                    if digest not in written:
                        _add(archive, f"{digest}.tar", content)
                        written.add(digest)
                config = json.dumps(_config(recipe, image)).encode()
                name = hashlib.sha256(config).hexdigest() + ".json"
                _add(archive, name, config)
                layers = [f"{digest}.tar" for digest, _ in image.layers]
                manifest.append({"Config": name, "RepoTags": [recipe.reference], "Layers": layers})
            _add(archive, "manifest.json", json.dumps(manifest).encode())

    def _make(self, recipe: Recipe) -> _Image:
        if recipe.name in self._made:
            return self._made[recipe.name]
        image = _Image()
        present: set[str] = set()
        if base := recipe.given.get("from"):
            below = self._make(Recipe.read(recipe.folder.parent / base))
            image.layers, image.history = list(below.layers), list(below.history)
            for _, content in image.layers:
                with tarfile.open(fileobj=io.BytesIO(content)) as lower:
                    present |= set(lower.getnames())
        for layer in recipe.given["layers"]:
            content = self._layer(recipe, layer, present)
            image.layers.append((hashlib.sha256(content).hexdigest(), content))
            image.history.append({"created": _when(), "created_by": layer["made_by"], "comment": "stand-in"})
        for key, value in recipe.given["config"].items():
            if key in INSTRUCTIONS:
                said = f"{INSTRUCTIONS[key]} {' '.join(value) if key == 'ExposedPorts' else json.dumps(value)}"
                image.history.append({"created": _when(), "created_by": said, "empty_layer": True})
        self._made[recipe.name] = image
        return image

    def _layer(self, recipe: Recipe, layer: dict[str, Any], present: set[str]) -> bytes:
        """One layer's tar; `present` are the names that lower layers have, to which this one's are added."""
        entries: dict[str, Path | str | None] = {}  # name → file to copy, link's target, or None for a directory
        if not present:
            entries |= dict.fromkeys(DIRECTORIES) | MERGED
        for program in layer.get("programs", ()):
            for path in [program, *self._libraries(program)]:
                entries[_merged(path)] = self._find(path)
        if layer.get("applets"):
            for path in commands.run(["chroot", self._tree, "/bin/busybox", "--list-full"], "Asking busybox").split():
                entries.setdefault(_merged("/" + path), "/bin/busybox")
        entries |= dict.fromkeys(layer.get("directories", ()))
        for path in layer.get("take", ()):
            entries[path.strip("/")] = self._find(path)
        if given := layer.get("files"):
            folder = recipe.folder / given
            for path in sorted(folder.rglob("*")):
                name = str(path.relative_to(folder))
                entries[name] = str(path.readlink()) if path.is_symlink() else None if path.is_dir() else path
        for name in list(entries):
            for parent in Path(name).parents:
                if str(parent) != "." and str(parent) not in present:
                    entries.setdefault(str(parent), None)
        wanted = {name: what for name, what in entries.items() if name not in present or isinstance(what, Path)}
        wanted = {name: what for name, what in wanted.items() if name not in present or name.startswith("etc/")}
        present |= set(wanted)
        return _tar(wanted)

    def _find(self, path: str) -> Path:
        for place in (self._extra, self._tree):
            # links are followed inside the tree: an absolute one must not lead out of it
            found = place / path.lstrip("/")
            while found.is_symlink():
                target = found.readlink()
                found = place / str(target).lstrip("/") if target.is_absolute() else found.parent / target
            if found.is_file():
                return found
        raise BuildFailed(f"{path} is in no package of the stand-in images.", "Name its package in image.json.")

    def _libraries(self, program: str) -> list[str]:
        """What the dynamic loader would load for it, the loader among them."""
        place = self._tree / "tmp" / "program"
        shutil.copy(self._find(program), place)
        try:
            said = commands.run(["chroot", self._tree, "ldd", "/tmp/program"], f"Asking what {program} needs")
        finally:
            place.unlink()
        lost = re.findall(r"(\S+) => not found", said)
        if lost:
            raise BuildFailed(
                f"{program} needs {', '.join(lost)}.", "Add its package to labs/images/sandbox/packages.txt."
            )
        return re.findall(r"(/\S+) \(0x", said)


def _merged(path: str) -> str:
    """The name in a tree whose /bin, /sbin, /lib are links into /usr."""
    first, _, rest = path.strip("/").partition("/")
    return f"{MERGED[first]}/{rest}" if first in MERGED and rest else path.strip("/")


def _tar(entries: dict[str, Path | str | None]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, what in sorted(entries.items()):
            info = tarfile.TarInfo(name)
            info.mtime = EPOCH
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o1777 if name in ("tmp", "var/tmp") else 0o755
                tar.addfile(info)
            elif isinstance(what, str):
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, what, 0o777
                tar.addfile(info)
            else:
                info.size, info.mode = what.stat().st_size, 0o755 if what.stat().st_mode & 0o111 else 0o644
                with what.open("rb") as file:
                    tar.addfile(info, file)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def _when() -> str:
    return "2026-01-01T00:00:00Z"  # EPOCH


def _config(recipe: Recipe, image: _Image) -> dict[str, Any]:
    labels = {
        LABEL: "true",
        "org.opencontainers.image.title": recipe.given["title"],
        "org.opencontainers.image.description": recipe.given["description"],
    }
    return {
        "architecture": "amd64",
        "os": "linux",
        "created": _when(),
        "config": {**recipe.given["config"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest, _ in image.layers]},
        "history": image.history,
    }
