"""A tree of Debian packages in a folder, by mmdebstrap(1).

Knows the release, where packages come from (the mirrors this host's own apt uses) and how to make it quick.
Doesn't know what the tree is for.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab_server.build import Progress, commands
from lab_server.errors import BuildFailed

RELEASE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Nobody reads these there, and thousands of small files cost seconds. Manuals stay, but in English, and without
# section 3 (the C library), which is most of them.
LEAVE_OUT = (
    "/usr/share/doc/*",
    "/usr/share/locale/*",
    "/usr/share/info/*",
    "/usr/share/man/??",
    "/usr/share/man/??/*",
    "/usr/share/man/??[_.@]*",
    "/usr/share/man/man3*",
)


def packages(file: Path) -> list[str]:
    """The names in a package list: one a line, `#` begins a comment. Raises BuildFailed for a line that is no name."""
    found = []
    for number, line in enumerate(file.read_text().splitlines(), 1):
        name = line.partition("#")[0].strip()
        if not name:
            continue
        if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", name):
            raise BuildFailed(f"{file.name}:{number}: {name!r} is no package name.", "Write one name a line.")
        found.append(name)
    return found


def sources() -> list[str]:
    """sources.list lines for RELEASE on the mirrors that this host's apt uses; [] where it uses none of Debian's
    (mmdebstrap then goes to its own default)."""
    if not shutil.which("apt-get"):
        return []
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)|$(SITE)"], capture_output=True, text=True, check=False
    ).stdout
    sites: dict[str, str] = {}
    for line in said.splitlines():
        label, _, site = line.partition("|")
        sites.setdefault(label, site)
    if "Debian" not in sites:
        return []
    lines = [f"deb {sites['Debian']} {RELEASE} main", f"deb {sites['Debian']} {RELEASE}-updates main"]
    if "Debian-Security" in sites:
        lines.append(f"deb {sites['Debian-Security']} {RELEASE}-security main")
    return lines


def tree(
    target: Path,
    names: Sequence[str],
    progress: Progress,
    *,
    variant: str,
    hooks: Sequence[str] = (),
    leave_out: Sequence[str] = LEAVE_OUT,
) -> None:
    """Make `target`, owned by root, with these packages and what they depend on.

    `variant` as mmdebstrap has it: "apt" is a small Debian, "extract" unpacks and runs no package's scripts.
    `hooks` are mmdebstrap options (`--customize-hook=…`).
    """
    command: list[str | Path] = ["unshare", "--mount", "--propagation", "private", "mmdebstrap", "--mode=root"]
    command += [f"--variant={variant}", "--verbose", f"--keyring={KEYRING}", "--dpkgopt=force-unsafe-io"]
    command += ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Retries "3"']
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in leave_out]
    command += [*hooks, f"--include={','.join(names)}", RELEASE, target, *sources()]
    seen = {"Get:": 0, "Unpacking ": 0, "Setting up ": 0}
    share = {"Get:": 0.25, "Unpacking ": 0.4, "Setting up ": 0.35}
    expected = max(40, len(names) * 5)  # grows when there turn out to be more

    def follow(line: str) -> None:
        nonlocal expected
        for start in seen:
            if line.startswith(start):
                seen[start] += 1
                expected = max(expected, *(seen[kind] for kind in seen))
                name = re.sub(r"^(Get:\d+ \S+ \S+ \S+|Unpacking|Setting up) ?", "", line).split()[:1] or [""]
                word = {"Get:": "Fetching", "Unpacking ": "Unpacking", "Setting up ": "Setting up"}[start]
                done = sum(share[kind] * seen[kind] / expected for kind in seen)
                progress(min(done, 0.99), f"{word} {name[0].split(':')[0]}")

    progress(0.0, "Reading Debian's package lists")
    commands.run(command, "Making the Debian tree", line=follow)
    progress(1.0, "Packages in place")


def versions(target: Path) -> dict[str, str]:
    """Package → version, as the tree's own dpkg database has it."""
    said = commands.run(
        ["dpkg-query", f"--admindir={target}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n"], "Listing packages"
    )
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
