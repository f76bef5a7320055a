"""What crosses into the engine guest: a clone as `git clone` gives it, and what a machine without a network can't fetch.

    clone/     the files of a commit
    packages/  docker/requirements.lock installed for the image's Python; kept in <data>/compose by what it was made from
    site/      the built site

Knows git and pip. Doesn't know the guest, or what is done there.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab_server.build import Progress, artefacts, commands

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "docker/requirements.lock"
PYTHON = "3.13"  # that of Debian 13, which the image is made of
# no pip there would say which wheels it takes: all that its C library (2.41) can load
PLATFORMS = (*(f"manylinux_2_{minor}_x86_64" for minor in (34, 31, 28, 17)), "manylinux2014_x86_64")


def commit(*, changes: bool) -> str:
    """HEAD; or one with what is changed in files that git knows, which no branch has."""
    made = _git("stash", "create") if changes else ""
    return made or _git("rev-parse", "HEAD")


@contextmanager
def clone(name: str, data: Path) -> Iterator[Path]:
    """A folder with the files of this commit, and nothing else of the repository."""
    with tempfile.TemporaryDirectory(prefix="clone-", dir=data) as place:
        folder = Path(place)
        folder.chmod(0o755)
        packed = subprocess.Popen(["git", "-C", str(ROOT), "archive", name], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(folder)], stdin=packed.stdout, check=True)
        if packed.wait():
            raise SystemExit(f"tests.compose: git can't pack {name}")
        yield folder


def packages(data: Path, progress: Progress) -> Path:
    """The folder `packages`, made when it is not fresh. Raises LabError."""
    home, folder = data / "compose", data / "compose/packages"
    inputs = artefacts.digest([LOCK, PYTHON, *PLATFORMS])
    with artefacts.locked(home):
        if artefacts.read_manifest(home).get("inputs") == inputs and folder.is_dir():
            return folder
        progress(0.0, "Fetching the image's packages")
        with artefacts.staging(home) as new:
            words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
            words += ["--require-hashes", "--only-binary", ":all:", "--python-version", PYTHON]
            words += [word for platform in PLATFORMS for word in ("--platform", platform)]
            commands.run([*words, "--target", new / "packages", "-r", LOCK], "Fetching the image's packages")
            artefacts.put(new / "packages", folder)
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        artefacts.write_manifest(home, {"inputs": inputs, "made": made})
    return folder


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
