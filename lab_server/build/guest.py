"""The vm driver's guest: a minimal Debian with a kernel of its own → <data>/guest/.

    vmlinuz       the kernel, unpacked: an emulated machine takes seconds to unpack it itself
    initrd.gz     busybox and the one driver that reaches the root disk
    probe.gz      an initial RAM disk that says a word and switches off: does KVM really work?
    root.ext4     crun, Python and what a sandbox's host needs; read-only, no secret and none of our code in it
    scratch.ext4  empty, sparse, with project quotas: sandboxes' files, thrown away at each stop

Knows which packages, and how the kernel finds its root. Doesn't know how QEMU is called (drivers/qemu.py); our code
comes with each start (sandbox/guest/payload.py), so a guest is never older than the checkout.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lab_server.build import Progress, artefacts, commands, debian, ext4, kernel, needs, part
from lab_server.errors import BuildFailed

PACKAGES = (
    *("base-files", "base-passwd", "bash", "busybox-static", "coreutils", "crun", "dash", "e2fsprogs", "iproute2"),
    *("kmod", "libc-bin", "mount", "python3", "util-linux"),
)
KERNEL = "linux-image-cloud-amd64"
SCRATCH = 24 << 30  # bytes; takes room on the host as sandboxes fill it
SPACE = 1 << 30
DISKS = ("vmlinuz", "initrd.gz", "probe.gz", "root.ext4", "scratch.ext4")
CODE = ("debian.py", "ext4.py", "guest.py", "kernel.py")
LEAVE_OUT = (*debian.LEAVE_OUT, "/usr/share/man/*", "/usr/share/zoneinfo/*", "/usr/share/bash-completion/*")
MODULES = (
    *("kernel/arch", "kernel/block", "kernel/crypto", "kernel/lib", "kernel/net", "kernel/virt"),
    *("kernel/fs/overlayfs", "kernel/fs/fuse", "kernel/fs/quota", "kernel/fs/erofs", "kernel/fs/squashfs"),
    *("kernel/drivers/block", "kernel/drivers/net", "kernel/drivers/virtio", "kernel/drivers/char"),
)

INIT = """#!/bin/busybox sh
# From the initial RAM disk to the root disk, taking along what this start brought (/payload).
B=/bin/busybox
$B mkdir -p /dev /root
$B mount -t devtmpfs dev /dev
$B insmod /virtio_blk.ko
while ! [ -b /dev/vda ]; do $B usleep 5000; done
$B mount -t ext4 -o ro /dev/vda /root
$B mount -t tmpfs -o mode=755,nosuid,nodev run /root/run
$B mv /payload /root/run/labs
$B mount --move /dev /root/dev
exec $B switch_root /root /run/labs/init
"""
PROBE = """#!/bin/busybox sh
/bin/busybox mkdir -p /dev
/bin/busybox mount -t devtmpfs dev /dev
echo labs-guest: kvm works >/dev/ttyS0
/bin/busybox poweroff -f
"""
# What packages' own scripts would have written: `extract` runs none.
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost guest\n",
    "etc/hostname": "guest\n",
}


def build(root: Path, data: Path, progress: Progress, *, force: bool = False) -> None:
    """Make the guest unless it is fresh. `root` is the repository, `data` LABS_DATA."""
    guest = data / "guest"
    if not force and fresh(root, data):
        progress(1.0, "The guest is up to date")
        return
    needs.require_root("the guest")
    needs.require(["guest"])
    with artefacts.locked(guest):
        if not force and fresh(root, data):
            return
        artefacts.room(guest, SPACE)
        make(guest, PACKAGES, _inputs(), progress)
    progress(1.0, "The guest is built")


def fresh(root: Path, data: Path) -> bool:
    """Whether `build` would do nothing."""
    return made_from(data / "guest", _inputs())


def made_from(guest: Path, inputs: str) -> bool:
    """Whether the folder `guest` is whole and what `make` made of these inputs."""
    manifest = artefacts.read_manifest(guest)
    return manifest.get("inputs") == inputs and all(artefacts.whole(guest, manifest, name) for name in DISKS)


def check(guest: Path) -> None:
    """Raises BuildFailed when a part is missing, cut short or damaged; it may be old."""
    manifest = artefacts.read_manifest(guest)
    for name in DISKS:
        if not (guest / name).exists():
            raise BuildFailed(f"The guest's {name} is not in {guest}.", "Build it: labs build.")
        if name.endswith(".ext4"):
            ext4.check(guest / name)
        if not artefacts.whole(guest, manifest, name):
            raise artefacts.damaged(guest / name, "it is not as long as when it was built")


def code() -> list[Path | str]:
    """What every guest is made from, whatever its packages are."""
    here = Path(__file__).parent
    return [*(here / name for name in CODE), debian.RELEASE]


def _inputs() -> str:
    return artefacts.digest(code())


def make(
    guest: Path,
    packages: Sequence[str],
    inputs: str,
    progress: Progress,
    *,
    finish: Callable[[Path], None] = lambda tree: None,
) -> None:
    """Put DISKS and a manifest into the folder `guest`, which the caller has locked.

    `packages` are those of the root disk, PACKAGES among them; `finish` is given its tree before it is packed.
    """
    with artefacts.staging(guest) as new:
        tree, debs, unpacked = new / "tree", new / "debs", new / "kernel"
        for folder in (debs, unpacked):
            folder.mkdir()
        debs.chmod(0o777)  # apt downloads as a user of its own
        # The kernel's package is unpacked, not installed: its scripts would make an initial RAM disk of another kind.
        named = f"apt-cache depends --important {KERNEL} | sed -n 's/.*Depends: \\(linux-image-[0-9].*\\)/\\1/p'"
        fetch = (
            f"cd {debs} && export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG && apt-get download $({named})"
            ' && ls "$1"/var/cache/apt/archives >list'
        )
        debian.tree(
            tree,
            packages,
            part(progress, 0.0, 0.6),
            variant="extract",
            hooks=[f"--extract-hook={fetch}"],
            leave_out=LEAVE_OUT,
        )
        package = next(debs.glob("linux-image-*.deb"))
        progress(0.62, "Unpacking the kernel")
        commands.run(["dpkg-deb", "-x", package, unpacked], "Unpacking the kernel")
        version = next((unpacked / "usr/lib/modules").iterdir()).name
        kernel.unpack(unpacked / f"boot/vmlinuz-{version}", new / "vmlinuz")
        _modules(unpacked, tree, version)
        progress(0.72, "Preparing Python")
        _finish(tree)
        finish(tree)
        progress(0.85, "Making the initial RAM disk")
        kernel.ramdisk(new / "initrd.gz", tree, INIT, [tree / _module(tree, version, "virtio_blk")])
        kernel.ramdisk(new / "probe.gz", tree, PROBE, [])
        progress(0.88, "Packing the guest into a disk")
        ext4.pack(new / "root.ext4", {"": tree}, "labs-guest")
        ext4.scratch(new / "scratch.ext4", SCRATCH, "labs-scratch")
        listed = [*(debs / "list").read_text().split(), package.name]
        manifest = {
            "inputs": inputs,
            "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "release": debian.RELEASE,
            "kernel": version,
            "packages": dict(sorted(_name_version(name) for name in listed if name.endswith(".deb"))),
            "sizes": {name: (new / name).stat().st_size for name in DISKS},
        }
        (guest / artefacts.MANIFEST).unlink(missing_ok=True)
        for name in DISKS:
            artefacts.put(new / name, guest / name)
        artefacts.write_manifest(guest, manifest)


def _name_version(deb: str) -> tuple[str, str]:
    name, version = deb.split("_")[:2]
    return name, version.replace("%3a", ":")


def _modules(unpacked: Path, tree: Path, version: str) -> None:
    """The kernel's modules that a sandbox's host can need, unpacked so that loading one is quick."""
    source = unpacked / "usr/lib/modules" / version
    target = tree / "usr/lib/modules" / version
    target.mkdir(parents=True)
    for name in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(source / name, target / name)
    for name in MODULES:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
    packed = sorted(target.rglob("*.ko.xz"))
    commands.run(["xz", "--decompress", "--threads=0", *packed], "Unpacking the kernel's modules")
    commands.run(["chroot", tree, "depmod", version], "Listing the kernel's modules")


def _module(tree: Path, version: str, name: str) -> Path:
    listed = (tree / "usr/lib/modules" / version / "modules.dep").read_text()
    found = re.search(rf"^(\S*/{name}\.ko):(.*)$", listed, re.MULTILINE)
    if not found or found[2].strip():
        raise BuildFailed(f"The kernel's {name} is not where it was, or needs other modules.", "See build/guest.py.")
    return Path("usr/lib/modules") / version / found[1]


def _finish(tree: Path) -> None:
    for name, text in FILES.items():
        (tree / name).write_text(text)
    for name in ("images", "scratch"):
        (tree / name).mkdir()
    (tree / "etc/inittab").symlink_to("/run/labs/inittab")
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    for folder in ("var/lib/dpkg", "var/cache/apt", "var/lib/apt"):
        shutil.rmtree(tree / folder, ignore_errors=True)
    for folder in ("test", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip"):
        for found in (tree / "usr/lib/python3.13").glob(folder):
            shutil.rmtree(found)
    commands.run(["chroot", tree, "ldconfig"], "Indexing the guest's libraries")
    # The root is read-only, and an emulated machine compiles slowly.
    commands.run(
        [
            "chroot",
            tree,
            "python3",
            "-m",
            "compileall",
            "-q",
            "-j0",
            "--invalidation-mode=unchecked-hash",
            "/usr/lib/python3.13",
        ],
        "Compiling Python's library",
    )
