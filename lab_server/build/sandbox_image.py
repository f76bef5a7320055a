"""The learner's machine and the image store beside it: labs/images/ → <data>/images/.

    sandbox/      the root tree that every sandbox shares, read-only
    store/        the images every sandbox finds: alpine, nginx
    sandbox.ext4  both of them as one read-only disk, for the vm driver's guest
    manifest.json what they were made from: package versions, which images are stand-ins, sizes

Knows labs/images/ and the order of the steps. Doesn't know drivers.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from lab_server.build import Progress, artefacts, commands, debian, ext4, needs, part, store
from lab_server.build.stand_ins import Recipe
from lab_server.errors import BuildFailed

DISK = "sandbox.ext4"
SPACE = 2 << 30  # bytes: two trees, the packages, the disk
CODE = ("debian.py", "sandbox_image.py", "stand_ins.py", "store.py")


def build(root: Path, data: Path, progress: Progress, *, ext4: bool = False, force: bool = False) -> None:
    """Make what is not fresh. `root` is the repository, `data` LABS_DATA; `ext4` asks for the vm's disk too."""
    images = data / "images"
    inputs = _inputs(root)
    if not force and _fresh(images, inputs, ext4):
        progress(1.0, "The learner's machine is up to date")
        return
    needs.require_root("the learner's machine")
    needs.require(["images", "disk"] if ext4 else ["images"])
    with artefacts.locked(images):
        if force or not _fresh(images, inputs, False):
            artefacts.room(images, SPACE)
            _trees(root, images, inputs, part(progress, 0.0, 0.85 if ext4 else 1.0))
        if ext4 and not _fresh(images, inputs, True):
            progress(0.87, "Packing the learner's machine into a disk")
            _disk(images)
    progress(1.0, "The learner's machine is built")


def fresh(root: Path, data: Path, *, ext4: bool = False) -> bool:
    """Whether `build` would do nothing."""
    return _fresh(data / "images", _inputs(root), ext4)


def check(data: Path, *, ext4: bool = False) -> dict[str, Any]:
    """The manifest of what is built. Raises BuildFailed when it is not there, cut short or damaged; it may be old."""
    images = data / "images"
    manifest = artefacts.read_manifest(images)
    if not manifest or not (images / "sandbox/etc").is_dir() or not (images / "store/overlay-images").is_dir():
        raise BuildFailed(f"The learner's machine is not in {images}.", "Build it: labs build.")
    if ext4:
        check_disk(images)
    return manifest


def check_disk(images: Path) -> None:
    """Raises BuildFailed when the guest's disk of the learner's machine is missing, cut short or damaged."""
    from lab_server.build import ext4

    if not (images / DISK).exists():
        raise BuildFailed(f"{DISK} is not in {images}.", "Build it: labs build.")
    ext4.check(images / DISK)
    if not artefacts.whole(images, artefacts.read_manifest(images), DISK):
        raise artefacts.damaged(images / DISK, "it is not as long as when it was built")


def _inputs(root: Path) -> str:
    here = Path(__file__).parent
    return artefacts.digest([root / "labs/images", *(here / name for name in CODE), debian.RELEASE])


def _fresh(images: Path, inputs: str, disk: bool) -> bool:
    manifest = artefacts.read_manifest(images)
    if manifest.get("inputs") != inputs:
        return False
    if not (images / "sandbox/etc").is_dir() or not (images / "store/overlay-images").is_dir():
        return False
    return not disk or artefacts.whole(images, manifest, DISK)


def _trees(root: Path, images: Path, inputs: str, progress: Progress) -> None:
    given = root / "labs/images"
    recipes = sorted((Recipe.read(file.parent) for file in given.glob("*/image.json")), key=lambda r: r.name)
    with artefacts.staging(images) as new:
        tree, extra, debs = new / "sandbox", new / "extra", new / "debs"
        for folder in (extra, debs, new / "store", new / "work"):
            folder.mkdir()
        debs.chmod(0o777)  # apt downloads as a user of its own
        names = sorted({name for recipe in recipes for name in recipe.packages})
        fetch = f"cd {debs} && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download {' '.join(names)}"
        preset = 'printf "man-db man-db/auto-update boolean false\\n" | chroot "$1" debconf-set-selections'
        hooks = [f"--essential-hook={preset}"] + ([f"--customize-hook={fetch}"] if names else [])
        packages = debian.packages(given / "sandbox/packages.txt")
        debian.tree(tree, packages, part(progress, 0.0, 0.75), variant="apt", hooks=hooks)
        for deb in sorted(debs.glob("*.deb")):
            commands.run(["dpkg-deb", "-x", deb, extra], f"Unpacking {deb.name}")
        progress(0.76, "Laying the course's own files over it")
        _lay(given / "sandbox/files", tree)
        commands.run(["chroot", tree, "mandb", "--quiet", "--create"], "Indexing the manuals")
        stand_ins = store.fill(new / "store", tree, extra, recipes, new / "work", part(progress, 0.8, 1.0))
        manifest = {
            "inputs": inputs,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "release": debian.RELEASE,
            "packages": debian.versions(tree),
            "images": {name: {"stand_in": stand_in} for name, stand_in in stand_ins.items()},
            "sizes": {},
        }
        # the manifest goes first and comes back last: a half-replaced pair is not fresh
        (images / artefacts.MANIFEST).unlink(missing_ok=True)
        (images / DISK).unlink(missing_ok=True)
        artefacts.put(tree, images / "sandbox")
        artefacts.put(new / "store", images / "store")
        artefacts.write_manifest(images, manifest)


def _lay(files: Path, tree: Path) -> None:
    """Copy `files` over the tree: owned by root, modes and links as they are in the repository."""
    for source in sorted(files.rglob("*")):
        target = tree / source.relative_to(files)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(source.readlink())
        elif source.is_dir():
            target.mkdir(mode=0o755, parents=True, exist_ok=True)
        else:
            if target.is_symlink():
                target.unlink()
            shutil.copyfile(source, target)
            target.chmod(0o755 if source.stat().st_mode & 0o111 else 0o644)


def _disk(images: Path) -> None:
    manifest = artefacts.read_manifest(images)
    with artefacts.staging(images) as new:
        ext4.pack(new / DISK, {"sandbox": images / "sandbox", "store": images / "store"}, "labs-images")
        manifest["sizes"] = {DISK: (new / DISK).stat().st_size}
        artefacts.put(new / DISK, images / DISK)
        artefacts.write_manifest(images, manifest)
