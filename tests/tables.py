"""Tables in the documentation that are made of runs: JUnit files in, Markdown between a page's two marks out.

Knows pytest's JUnit format, marks and the command line. Doesn't know what a table tells (contract/table.py, faults/table.py).
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

DOCS = Path(__file__).parents[1] / "docs/develop"


def cases(file: Path) -> Iterator[ElementTree.Element]:
    """The file's test cases. Exits naming a file that is no JUnit XML."""
    try:
        return ElementTree.parse(file).iter("testcase")
    except (OSError, ElementTree.ParseError) as why:
        sys.exit(f"{file} can't be read: {why}")


def main(program: str, about: str, page: Path, mark: str, table: Callable[[Sequence[Path]], str]) -> int:
    """`python -m program [--write] FILE.xml…`: the table of these files, printed, or written into `page` between its marks."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"into {page.name}, between its marks")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options = parser.parse_args()
    made = table(options.files)
    if not options.write:
        print(made)
        return 0
    begin, end = (f"<!-- {mark}: {which} -->" for which in ("begin", "end"))
    text = page.read_text()
    page.write_text(re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{made}\n{end}", text, flags=re.S))
    return 0
