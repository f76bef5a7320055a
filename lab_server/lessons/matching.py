"""Expected output against actual output.

Knows: the two wildcards, and what of a terminal's output doesn't count. Doesn't know: where either comes from. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|[=>78cDEHMNOZ])")


def shown(output: str) -> list[str]:
    """Terminal output as the lines a reader sees: no colours, no line-end blanks, no blank lines at either end."""
    lines = [line.rstrip() for line in _ANSI.sub("", output).replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def plain(output: str) -> list[str]:
    """Terminal output as lines that can be compared: as `shown`, with runs of blanks as one."""
    return [" ".join(line.split()) for line in shown(output)]


def matches(expected: str, actual: str) -> bool:
    """Whether output is what the lesson promises.

    A line `...` stands for any number of lines (none too), `...` in a line for any text in it, `[...]` for brackets
    with anything in them. How many blanks there are doesn't matter, nor do colours. Nothing expected: anything goes.
    """
    wanted, got = plain(expected), plain(actual)
    if not wanted:
        return True
    return _glob(wanted, got)


def _glob(wanted: Sequence[str], got: Sequence[str]) -> bool:
    # The classic two-pointer glob: on a miss, go back to the last `...` and let it take one line more.
    i = j = 0
    star = mark = -1
    while j < len(got):
        if i < len(wanted) and wanted[i] == "...":
            star, mark = i, j
            i += 1
        elif i < len(wanted) and line_matches(wanted[i], got[j]):
            i, j = i + 1, j + 1
        elif star >= 0:
            mark += 1
            i, j = star + 1, mark
        else:
            return False
    return all(line == "..." for line in wanted[i:])


def line_matches(wanted: str, got: str) -> bool:
    """One line against one, both without runs of blanks. Each part is taken as early as it fits, so it takes linear time a part."""
    # `[...]` is one unit, so a `...` inside brackets must not cut it
    parts = re.split(r"(?<!\[)\.\.\.|\.\.\.(?!\])", wanted)
    patterns = [re.compile(r"\[[^\]]*\]".join(re.escape(bit) for bit in part.split("[...]"))) for part in parts]
    if len(patterns) == 1:
        return patterns[0].fullmatch(got) is not None
    first = patterns[0].match(got)
    if first is None:
        return False
    at = first.end()
    for pattern in patterns[1:-1]:
        hit = pattern.search(got, at)
        if hit is None:
            return False
        at = hit.end()
    return any(patterns[-1].fullmatch(got, k) for k in range(at, len(got) + 1))
