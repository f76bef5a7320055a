"""Where expected and actual output part: line against line, wildcards and all.

Knows: lines, and the wildcards of matching.py. Doesn't know: pages, steps or where output comes from. Pure.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from lab_server.lessons.matching import line_matches, plain, shown

MANY = "..."
MOST_LINES = 400  # of either side: aligning takes time and room by their product
_UNWRITABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]+")


@dataclass(frozen=True)
class Pair:
    """A line of the page beside the lines of output it stands for; `wanted` is None for output that it says nothing of.

    `met` is false for a promised line that did not come (`got` is then empty), and for output not promised.
    """

    wanted: str | None
    got: tuple[str, ...]
    met: bool


def align(expected: str, actual: str) -> list[Pair]:
    """The two side by side with the fewest lines parted; of equals, the one where `...` takes least."""
    written, printed = _lines(expected), _lines(actual)
    wanted, got = plain(expected)[:MOST_LINES], plain(actual)[:MOST_LINES]
    rows, columns = len(wanted), len(got)
    # cost[i][j]: (lines parted, lines taken by `...`) of wanted[i:] against got[j:]
    cost = [[(0, 0)] * (columns + 1) for _ in range(rows + 1)]
    move = [[""] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows, -1, -1):
        for j in range(columns, -1, -1):
            choices: list[tuple[tuple[int, int], str]] = []
            if i < rows and wanted[i] == MANY:
                choices.append((cost[i + 1][j], "end"))
                if j < columns:
                    choices.append((_more(cost[i][j + 1], 0, 1), "take"))
            elif i < rows:
                if j < columns and line_matches(wanted[i], got[j]):
                    choices.append((cost[i + 1][j + 1], "same"))
                elif j < columns:
                    choices.append((_more(cost[i + 1][j + 1], 1, 0), "other"))
                choices.append((_more(cost[i + 1][j], 1, 0), "missing"))
            if j < columns:
                choices.append((_more(cost[i][j + 1], 1, 0), "extra"))
            if choices:
                cost[i][j], move[i][j] = min(choices, key=lambda choice: choice[0])
    return _walk(move, written, printed)


def _more(cost: tuple[int, int], parted: int, taken: int) -> tuple[int, int]:
    return cost[0] + parted, cost[1] + taken


def _walk(move: list[list[str]], written: list[str], printed: list[str]) -> list[Pair]:
    pairs: list[Pair] = []
    taken: list[str] = []
    i = j = 0
    while step := move[i][j]:
        if step == "take":
            taken.append(printed[j])
            j += 1
        elif step == "end":
            pairs.append(Pair(written[i], tuple(taken), True))
            taken = []
            i += 1
        elif step == "extra":
            pairs.append(Pair(None, (printed[j],), False))
            j += 1
        elif step == "missing":
            pairs.append(Pair(written[i], (), False))
            i += 1
        else:
            if step == "same":
                pairs.append(Pair(written[i], (printed[j],), True))
            else:
                pairs += [Pair(written[i], (), False), Pair(None, (printed[j],), False)]
            i, j = i + 1, j + 1
    return pairs


def diff(expected: str, actual: str) -> str:
    """A unified diff of the two, in which a line that a wildcard stands for is shown as it came, as context."""
    pairs = align(expected, actual)
    wanted = [line for pair in pairs for line in _promised(pair)]
    got = [line for pair in pairs for line in pair.got]
    return "\n".join(difflib.unified_diff(wanted, got, "expected", "actual", lineterm=""))


def _promised(pair: Pair) -> tuple[str, ...]:
    if pair.wanted is None:
        return ()
    return pair.got if pair.met else (pair.wanted,)


def merge(expected: str, actual: str) -> list[str]:
    """What a page should say: the lines of it that still hold, wildcards too, and elsewhere what really came."""
    lines: list[str] = []
    for pair in align(expected, actual):
        if pair.met and pair.wanted is not None:
            lines.append(pair.wanted)
        elif not pair.met:
            lines += pair.got
    return lines


def _lines(text: str) -> list[str]:
    """As `shown`, and such that a page can hold it: tabs as blanks, `...` for control characters."""
    return [_UNWRITABLE.sub(MANY, line.expandtabs()) for line in shown(text)][:MOST_LINES]
