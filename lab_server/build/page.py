"""Builds what runs in the page: `web/` (TypeScript, npm) → `docs/assets/built/`, which the site then includes.

Knows npm and when its work is needed again. Doesn't know the site, or what the page does. Fresh parts are left alone:
`npm ci` runs when package-lock.json changed, the build when a source or a package did.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from lab_server.build import Progress, artefacts, commands
from lab_server.errors import BuildFailed, Missing

OLDEST_NODE = 20
SOURCES = ("src", "build.mjs", "package.json", "package-lock.json", "tsconfig.json")
NPM_WITHIN = 900.0  # seconds
BUILD_WITHIN = 300.0
REMEDY = f"Install Node.js {OLDEST_NODE} or newer and npm, then run this again."


def build_page(root: Path, progress: Progress) -> None:
    """Make docs/assets/built/ of the repository at `root`, if anything changed.

    Raises Missing where node or npm is not there or too old; BuildFailed with npm's last lines; HostFull.
    """
    web, built = root / "web", root / "docs" / "assets" / "built"
    inputs = artefacts.digest([web / name for name in SOURCES])
    if artefacts.read_manifest(built).get("inputs") == inputs:
        progress(1.0, "The page is built.")
        return
    require_node()
    _packages(web, progress)
    progress(0.8, "Bundling the page")
    commands.run(["npm", "--prefix", web, "run", "--silent", "build"], "Bundling the page", timeout=BUILD_WITHIN)
    if not (built / "course.js").is_file():
        raise BuildFailed("Bundling the page left no course.js.", "Run `npm run build` in web/ and look what it says.")
    artefacts.write_manifest(built, {"inputs": inputs})
    progress(1.0, "The page is built.")


def require_node() -> None:
    """Raises Missing unless npm and a new enough node can be called."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise Missing(f"The page is built with {tool}, which is not installed.", REMEDY)
    answer = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    version = re.match(r"v(\d+)", answer)
    if version is None or int(version[1]) < OLDEST_NODE:
        raise Missing(f"Node.js here is {answer.strip() or 'of unknown age'}: too old to build the page.", REMEDY)


def _packages(web: Path, progress: Progress) -> None:
    """`npm ci`, when the lock changed. The stamp lies in what npm ci removes first: a broken run leaves none."""
    lock = artefacts.digest([web / "package-lock.json"])
    modules = web / "node_modules"
    if artefacts.read_manifest(modules).get("inputs") == lock:
        return
    progress(0.0, "Fetching the page's packages")
    lines = 0

    def line(text: str) -> None:
        nonlocal lines
        lines += 1
        progress(min(0.75, lines / 200), "Fetching the page's packages")

    argv: list[str | Path] = ["npm", "--prefix", web, "ci", "--no-audit", "--no-fund", "--loglevel", "http"]
    commands.run(argv, "Fetching the page's packages (npm ci)", line=line, timeout=NPM_WITHIN)
    artefacts.write_manifest(modules, {"inputs": lock})
