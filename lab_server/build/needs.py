"""What the builds and drivers need of this host: which tools, in which Debian packages, and how they are installed.

Knows names of programs and packages. Doesn't know what they are used for beyond a word.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path

from lab_server.build import Progress, commands
from lab_server.errors import BuildFailed, Missing

# purpose → tool (a program, or a file when it starts with "/") → the Debian package that has it
NEEDS: dict[str, dict[str, str]] = {
    "images": {
        "mmdebstrap": "mmdebstrap",
        "unshare": "util-linux",
        "dpkg-deb": "dpkg",
        "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    },
    "guest": {
        "mmdebstrap": "mmdebstrap",
        "mke2fs": "e2fsprogs",
        "unshare": "util-linux",
        "xz": "xz-utils",
        "zstd": "zstd",
        "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    },
    "disk": {"mke2fs": "e2fsprogs"},
    "vm": {"qemu-system-x86_64": "qemu-system-x86"},
    "crun": {"crun": "crun"},
}
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def has(tool: str) -> bool:
    if tool.startswith("/"):
        return Path(tool).exists()
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:{SEARCH}") is not None


def missing(purposes: Iterable[str]) -> list[str]:
    """Debian packages that are not here and that these purposes (keys of NEEDS) need, sorted."""
    return sorted({package for name in purposes for tool, package in NEEDS[name].items() if not has(tool)})


def require(purposes: Iterable[str]) -> None:
    """Raises Missing naming the packages and the command that installs them."""
    lacking = missing(purposes)
    if lacking:
        raise Missing(
            f"This needs packages that are not installed: {', '.join(lacking)}.", f"apt-get install {' '.join(lacking)}"
        )


def require_root(what: str) -> None:
    if os.geteuid() != 0:
        raise BuildFailed(f"Building {what} needs root.", "Run it with sudo, once; serving works without.")
    if platform.machine() != "x86_64":
        raise BuildFailed(f"{what} is built for x86_64, not {platform.machine()}.", "Use an x86_64 host for now.")


def can_install() -> bool:
    """Whether missing packages can be installed by us: root, and Debian's tools."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install_missing(packages: list[str], progress: Progress) -> None:
    """apt-get install them, without what they recommend. Raises Missing where we can't, BuildFailed where apt fails."""
    if not packages:
        return
    if not can_install():
        raise Missing(f"Not installed: {', '.join(packages)}.", f"As root: apt-get install {' '.join(packages)}")
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    progress(0.0, f"Installing {', '.join(packages)}")
    install = ["apt-get", "install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    done = 0

    def follow(line: str) -> None:
        nonlocal done
        if line.startswith(("Get:", "Unpacking ", "Setting up ")):
            done += 1
            progress(min(0.95, 0.2 + done / 300), f"Installing: {line.split()[1 if line[0] == 'U' else -1]}")

    try:
        commands.run(install, "Installing packages", line=follow, env=env)
    except BuildFailed:
        # a fresh machine has no package lists, or old ones
        commands.run(["apt-get", "update"], "Reading the package lists", env=env)
        commands.run(install, "Installing packages", line=follow, env=env)
    progress(1.0, "Packages installed")
