"""Builds the site: pages by MkDocs, checked first, and what is text compressed beside itself.

Knows mkdocs.yml, and which files of the page's script must be there. Doesn't know how those are made (web/), nor who
serves the result.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path

import brotli  # type: ignore[import-untyped]

from lab_server.build import Progress, artefacts, commands, part, verified
from lab_server.errors import BuildFailed, Missing
from lab_server.lessons.catalog import load

ASSETS = (
    "course.js",
    "course.css",
    "mermaid-glue.js",
    "room.css",
)  # in docs/assets/built; mkdocs.yml and pages name them
TEXT = {".html", ".css", ".js", ".mjs", ".json", ".svg", ".xml", ".txt", ".map", ".wasm"}
WORTH = 512  # bytes; below this an encoding saves less than its header costs
# Served with the address that was asked for in place of site_url's, so it is kept as it is: Material's instant navigation
# takes protocol and host from the page, but not the port.
SITEMAP = "sitemap.xml"
RELOAD = '<script type="module" src="/assets/built/watch.js"></script>'
SLOW = 11  # brotli's best quality: a second a megabyte, once a build
ROOM = 256 << 20


def build_site(root: Path, out: Path, progress: Progress, *, watching: bool = False) -> None:
    """Build the site of the repository `root` into `out`, taking the place of what was there in one move.

    `watching`: for an author who waits for it: nothing is compressed, and each page reloads itself when the next build is there.

    Raises CatalogError for a wrong lesson, Missing without the page's script, BuildFailed with what MkDocs said, HostFull.
    """
    progress(0.0, "Checking the lessons")
    badges = verified.badges(root, out.parent, load(root))
    require_assets(root)
    out.parent.mkdir(parents=True, exist_ok=True)
    artefacts.room(out.parent, ROOM)
    with artefacts.locked(out.parent), artefacts.staging(out.parent) as place:
        new = place / "site"
        progress(0.05, "Building the pages")
        _mkdocs(root, new, badges)
        if watching:
            _add_reload(new)
        else:
            _compress(new, part(progress, 0.5, 0.98))
        artefacts.put(new, out)
    progress(1.0, "Site built")


def inputs(root: Path, data: Path | None = None) -> str:
    """A hash over everything the site is made from: an equal one means that it needn't be built again.

    `data` is the folder that the site is built in, where `labs verify` notes what it found.
    """
    code, noted = root / "lab_server", [data / verified.NAME] if data else []
    return artefacts.digest(
        [root / "mkdocs.yml", root / "docs", root / "labs", code / "lessons", code / "build/site.py", *noted]
    )


def require_assets(root: Path) -> None:
    """Raises Missing, naming files of the page's script that aren't built."""
    folder = root / "docs" / "assets" / "built"
    lacking = [name for name in ASSETS if not (folder / name).is_file()]
    if lacking:
        raise Missing(
            f"The page's script is not built: docs/assets/built has no {', '.join(lacking)}.",
            "Run scripts/serve, or: npm ci && npm run build, in web/.",
        )


def _mkdocs(root: Path, new: Path, badges: dict[str, str]) -> None:
    # PYTHONPATH: the extension comes from the repository being built, wherever this package is installed.
    env = {"NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1", "PYTHONPATH": str(root), "LABS_VERIFIED": json.dumps(badges)}
    # Not --quiet: with it MkDocs drops warnings before --strict has counted them.
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(root / "mkdocs.yml"), "-d", str(new)]
    said: list[str] = []

    def listen(line: str) -> None:
        if not line.startswith("INFO"):
            said.append(line.rstrip())

    try:
        commands.run(argv, "Building the pages", line=listen, env=env, timeout=300)
    except BuildFailed as wrong:
        last = commands.tail(said)
        raise BuildFailed(wrong.message, f"Mend what MkDocs names, then run labs build again:\n{last}") from None
    if not (new / "index.html").is_file():
        raise BuildFailed("MkDocs ended well, and wrote no index.html.", "Is docs/index.md there?")


def _add_reload(folder: Path) -> None:
    for page in folder.rglob("*.html"):
        page.write_text(page.read_text().replace("</body>", f"{RELOAD}</body>", 1))


def _compress(folder: Path, progress: Progress) -> None:
    """A .gz and a .br beside each text file that is worth it, with its times, so that a server can trust them."""
    (folder / f"{SITEMAP}.gz").unlink(missing_ok=True)  # MkDocs makes it
    files = sorted(path for path in folder.rglob("*") if path.suffix in TEXT and path.stat().st_size >= WORTH)
    files = [path for path in files if path.name != SITEMAP]
    total = sum(path.stat().st_size for path in files) or 1
    done = 0
    for path in files:
        data, times = path.read_bytes(), path.stat()
        quality = SLOW if path.suffix != ".map" else 5  # only a developer's tools ask for maps
        # mtime=0: the same text gives the same bytes
        for suffix, packed in (
            (".gz", gzip.compress(data, 9, mtime=0)),
            (".br", brotli.compress(data, quality=quality)),
        ):
            twin = path.with_name(path.name + suffix)
            if len(packed) < len(data):
                twin.write_bytes(packed)
                os.utime(twin, ns=(times.st_atime_ns, times.st_mtime_ns))
        done += len(data)
        progress(done / total, "Compressing the site")
