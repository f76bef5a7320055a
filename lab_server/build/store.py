"""The image store every sandbox shares: real images where a registry answers, stand-ins where none does.

Knows podman's command line; it is the learner's own podman that fills the store, run in the learner's tree, so the host
needs none. Doesn't know how a tree or a stand-in is made, or how the store reaches a sandbox.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab_server.build import Progress, commands
from lab_server.build.stand_ins import Maker, Recipe
from lab_server.errors import BuildFailed

ANSWER_WITHIN = 8.0  # seconds for a registry to show that it is there
PULL_WITHIN = 180.0  # seconds for one image
INSIDE = "/var/lib/shared-images"
KEPT = ("overlay", "overlay-images", "overlay-layers", "overlay-containers", "storage.lock", "userns.lock")
SETTINGS = '[storage]\ndriver = "overlay"\nrunroot = "/run/seed"\ngraphroot = "' + INSIDE + '"\n'

# In a mount namespace and a root of its own: the learner's tree with the store, and as much of /dev as podman asks for.
SCRIPT = """set -eu
tree=$1 store=$2 work=$3; shift 3
mount --bind "$tree" "$tree"; cd "$tree"
mount -t proc proc proc
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom; do : > dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd; mkdir -m 1777 dev/shm
mount -t tmpfs run run; mount -t tmpfs tmp tmp; mkdir run/work
mount -t tmpfs sys sys; mkdir -p sys/fs/cgroup  # podman looks which kind of cgroups there is, even to unpack
mount --bind "$work" run/work; mount --bind "$store" var/lib/shared-images
if [ -e /etc/resolv.conf ]; then : > run/resolv.conf; mount --bind /etc/resolv.conf run/resolv.conf
    [ -L etc/resolv.conf ] || mount --bind run/resolv.conf etc/resolv.conf 2>/dev/null || true; fi
export CONTAINERS_STORAGE_CONF=/run/work/storage.conf TMPDIR=/tmp HOME=/root PODMAN_IGNORE_CGROUPSV1_WARNING=1
exec chroot . "$@"
"""


def fill(
    store: Path, tree: Path, extra: Path, recipes: Sequence[Recipe], work: Path, progress: Progress
) -> dict[str, bool]:
    """Fill the empty folder `store` with every recipe's image; name → whether it is a stand-in.

    `tree` is the learner's, `extra` holds unpacked packages that only images need, `work` is a folder for this alone.
    """
    (work / "storage.conf").write_text(SETTINGS)
    (tree / INSIDE.strip("/")).mkdir(parents=True, exist_ok=True)

    def inside(*command: str, doing: str, timeout: float = 300.0) -> str:
        fixed: list[str | Path] = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh"]
        return commands.run([*fixed, tree, store, work, *command], doing, timeout=timeout)

    def pulled(recipe: Recipe) -> bool:
        with contextlib.suppress(BuildFailed):
            inside("skopeo", "inspect", "--raw", f"docker://{recipe.reference}", doing="Asking", timeout=ANSWER_WITHIN)
            inside("podman", "pull", "--quiet", recipe.reference, doing="Pulling", timeout=PULL_WITHIN)
            return True
        return False

    lacking: list[Recipe] = []
    for number, recipe in enumerate(recipes):
        if not lacking:  # one that failed is enough to know
            progress(0.1 + 0.4 * number / len(recipes), f"Pulling {recipe.name}")
        if lacking or not pulled(recipe):
            lacking.append(recipe)
    if lacking:
        names = " and ".join(recipe.name for recipe in lacking)
        progress(0.5, f"No registry answers: making stand-ins for {names}")
        Maker(tree, extra).archive(lacking, work / "stand-ins.tar")
        progress(0.7, f"Loading the stand-ins for {names}")
        inside("podman", "load", "--quiet", "--input=/run/work/stand-ins.tar", doing="Loading the stand-in images")
    found = inside(
        "podman", "images", "--format={{.Repository}}:{{.Tag}}", doing="Looking into the image store"
    ).split()
    lost = [recipe.reference for recipe in recipes if recipe.reference not in found]
    if lost:
        raise BuildFailed(f"The image store lacks {', '.join(lost)}.", "Try again: labs build --force.")
    for left in store.iterdir():
        if left.name not in KEPT:  # the seeding engine's own notes
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    progress(1.0, "Image store filled")
    return {recipe.name: recipe in lacking for recipe in recipes}
