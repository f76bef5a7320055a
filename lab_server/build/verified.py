"""Keeps what `labs verify` found: in LABS_DATA for this machine, in the repository for every clone.

Knows: where manifests are, and what a lesson's sources are. Doesn't know: what a manifest means (lessons/manifest.py), how lessons
are run.
"""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from lab_server.build import artefacts
from lab_server.errors import CatalogError
from lab_server.lessons import manifest
from lab_server.lessons.catalog import Catalog
from lab_server.lessons.fences import Mistake
from lab_server.lessons.manifest import Verified

NAME = "verified.json"
COMMITTED = f"labs/{NAME}"


def sources(root: Path, lesson: str) -> str:
    """A hash over the lesson's page and its folder below labs/: an equal one means that nothing of it changed."""
    return artefacts.digest([root / "docs" / f"{lesson}.md", root / "labs" / lesson])


def badges(root: Path, data: Path, courses: Catalog) -> dict[str, str]:
    """Lesson → the line about it, for lessons that were verified as they are now.

    Raises CatalogError for a committed manifest that can't be read; this machine's own is left out with a warning.
    """
    digests = {lesson.id: sources(root, lesson.id) for lesson in courses.lessons}
    return manifest.shown([_own(data / NAME), _committed(root)], digests)


def keep(
    root: Path, data: Path, passed: Mapping[str, Verified], failed: Collection[str], *, record: bool
) -> list[Path]:
    """Write entries for the lessons that passed and drop those of the ones that failed; the files that were written.

    In `record`'s case into the repository too, where lessons that are no longer there lose theirs. Raises CatalogError and OSError.
    """
    data.mkdir(parents=True, exist_ok=True)
    with (data / f".{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _write(data / NAME, _merged(_own(data / NAME), passed, failed))
    if not record:
        return [data / NAME]
    there = {id_: entry for id_, entry in _committed(root).items() if (root / "docs" / f"{id_}.md").is_file()}
    _write(root / COMMITTED, _merged(there, passed, failed))
    return [data / NAME, root / COMMITTED]


def _merged(old: manifest.Manifest, passed: Mapping[str, Verified], failed: Collection[str]) -> dict[str, Verified]:
    return {id_: entry for id_, entry in {**old, **passed}.items() if id_ not in failed}


def _own(file: Path) -> dict[str, Verified]:
    try:
        return manifest.parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (Mistake, UnicodeDecodeError) as wrong:
        where = f"{file}:{wrong.line}" if isinstance(wrong, Mistake) else str(file)
        print(f"labs: {where}: {wrong} It is left out; labs verify writes it anew.", file=sys.stderr, flush=True)
        return {}


def _committed(root: Path) -> dict[str, Verified]:
    try:
        return manifest.parse((root / COMMITTED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except Mistake as wrong:
        raise CatalogError(COMMITTED, wrong.line, wrong.message, wrong.remedy) from None
    except UnicodeDecodeError:
        raise CatalogError(COMMITTED, 1, "This is not UTF-8.", manifest.AGAIN) from None


def _write(file: Path, entries: manifest.Manifest) -> None:
    new = file.with_name(f".{file.name}.part")
    new.write_text(manifest.dump(entries), encoding="utf-8")
    new.replace(file)
