"""JUnit files of contract runs → the table in docs/develop/drivers.md: which promise was seen kept by which driver.

    python -m tests.contract.table [--write] FILE.xml…

Knows what a promise's outcomes are called; files and marks are tables.py's. Doesn't run anything; a run writes its file with
`--junit-xml` (pytest) or `--junit` (tests.guest.run). Later files go before earlier ones.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests import tables

PAGE = tables.DOCS / "drivers.md"
DRIVERS = ("crun", "docker", "vm")
SIGNS = {"passed": "yes", "failed": "**no**", "skipped": "–"}

Seen = dict[tuple[str, str], dict[str, dict[str, str]]]  # (module, promise) → driver → case → outcome


def read(file: Path, seen: Seen) -> None:
    """Adds what the file says. Exits naming a file that is no JUnit XML."""
    for case in tables.cases(file):
        module = case.get("classname", "").rpartition(".")[2]
        name, _, parameters = case.get("name", "").partition("[")
        words = parameters.rstrip("]").split("-")
        driver = next((word for word in words if word in DRIVERS), "")
        if not module.startswith("test_") or not driver:
            continue
        outcome = next((kind for tag, kind in TAGS if case.find(tag) is not None), "passed")
        seen.setdefault((module, name), {}).setdefault(driver, {})[parameters] = outcome


TAGS = (("failure", "failed"), ("error", "failed"), ("skipped", "skipped"))


def cell(cases: dict[str, str]) -> str:
    outcomes = list(cases.values())
    worst = next(kind for kind in ("failed", "passed", "skipped") if kind in outcomes)
    told = SIGNS[worst]
    return told if len(outcomes) == 1 else f"{told} ({outcomes.count(worst)} of {len(outcomes)})"


def table(seen: Seen) -> str:
    """Markdown: a row a promise, a column a driver; "–" where this host can't try it."""
    lines = [f"| promise | {' | '.join(f'`{driver}`' for driver in DRIVERS)} |", "|---|" + "---|" * len(DRIVERS)]
    last = ""
    for (module, name), drivers in sorted(seen.items()):
        if module != last:
            lines.append(f"| **{module.removeprefix('test_')}** | {' | '.join('' for _ in DRIVERS)} |")
            last = module
        told = [cell(drivers[driver]) if driver in drivers else "not run" for driver in DRIVERS]
        lines.append(f"| {name.removeprefix('test_').replace('_', ' ')} | {' | '.join(told)} |")
    return "\n".join(lines)


def of(files: Sequence[Path]) -> str:
    seen: Seen = {}
    for file in files:
        read(file, seen)
    return table(seen)


if __name__ == "__main__":
    sys.exit(tables.main("tests.contract.table", __doc__ or "", PAGE, "contract", of))
