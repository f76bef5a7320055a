"""JUnit files of runs → the table in docs/develop/faults.md: each fault, whether what was promised held, and the figure.

    python -m tests.faults.table [--write] FILE.xml…

Knows rows.py; files and marks are tables.py's. Doesn't run anything; a run writes its file with `--junit-xml`. Of
a test that is in several files, all figures are told, each once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import tables
from tests.faults.rows import ROWS, Row

PAGE = tables.DOCS / "faults.md"
FAILED, LATE, PASSED, SKIPPED = "**no**", "yes, late", "yes", "–"


@dataclass
class Seen:
    """What files say of one test, all its parameters together."""

    outcomes: list[str] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)


def read(file: Path, seen: dict[str, Seen]) -> None:
    """Adds what the file says. Exits naming a file that is no JUnit XML."""
    for case in tables.cases(file):
        name = f"{case.get('classname', '').removeprefix('tests.')}.{case.get('name', '').partition('[')[0]}"
        test = seen.setdefault(name, Seen())
        if any(case.find(tag) is not None for tag in ("failure", "error")):
            test.outcomes.append(FAILED)
        elif case.find("skipped") is not None:
            test.outcomes.append(SKIPPED)
        else:
            test.outcomes.append(LATE if any(one.get("name") == "late" for one in case.iter("property")) else PASSED)
        told = [one.get("value", "") for one in case.iter("property") if one.get("name") == "figure"]
        test.figures += [figure for figure in told if figure not in test.figures]


def held(row: Row, seen: dict[str, Seen]) -> str:
    outcomes = [outcome for test in row.tests for outcome in seen.get(test, Seen()).outcomes]
    return next(
        (kind for kind in (FAILED, LATE, PASSED, SKIPPED) if kind in outcomes), "not run" if row.tests else "not tried"
    )


def table(seen: dict[str, Seen]) -> str:
    """Markdown: a row a fault."""
    lines = ["| fault | what has to hold | held | measured |", "|---|---|---|---|"]
    for row in ROWS:
        figures = [figure for test in row.tests for figure in seen.get(test, Seen()).figures]
        told = "<br>".join([figure.replace("|", "\\|") for figure in figures] + ([f"*{row.note}*"] if row.note else []))
        lines.append(f"| {row.fault} | {row.survives} | {held(row, seen)} | {told} |")
    return "\n".join(lines)


def of(files: Sequence[Path]) -> str:
    seen: dict[str, Seen] = {}
    for file in files:
        read(file, seen)
    return table(seen)


if __name__ == "__main__":
    sys.exit(tables.main("tests.faults.table", __doc__ or "", PAGE, "faults", of))
