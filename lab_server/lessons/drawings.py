"""Do the boxes of a drawing line up.

Knows: which sides each box-drawing character joins. Doesn't know: what is drawn. Pure.

Every line must meet another at both ends. Left alone: a branch of a tree (`└── bin/`, `├── usr/`), and an arrow or a line that
ends on the side of a box.
"""

from __future__ import annotations

from collections.abc import Sequence

from lab_server.lessons.fences import Mistake

_RIGHT, _DOWN, _LEFT, _UP = 1, 2, 4, 8
_JOINS = {
    "─": _LEFT | _RIGHT,
    "│": _UP | _DOWN,
    "┌": _RIGHT | _DOWN,
    "┐": _LEFT | _DOWN,
    "└": _RIGHT | _UP,
    "┘": _LEFT | _UP,
    "├": _RIGHT | _UP | _DOWN,
    "┤": _LEFT | _UP | _DOWN,
    "┬": _LEFT | _RIGHT | _DOWN,
    "┴": _LEFT | _RIGHT | _UP,
    "┼": _LEFT | _RIGHT | _UP | _DOWN,
    "▲": _DOWN,
    "▼": _UP,
    "►": _LEFT,
    "◄": _RIGHT,
}
_SIDES = ((_RIGHT, _LEFT, 0, 1), (_DOWN, _UP, 1, 0), (_LEFT, _RIGHT, 0, -1), (_UP, _DOWN, -1, 0))
_NAMES = {_RIGHT: "right", _DOWN: "below", _LEFT: "left", _UP: "above"}
_ARROWS = "▲▼►◄"


def is_drawing(lines: Sequence[str]) -> bool:
    return any(corner in line for line in lines for corner in "┌┐┘└")


def check(lines: Sequence[str], first: int = 1) -> None:
    """Raise Mistake at the first end that meets nothing; `first` is the line of the page on which the drawing begins."""
    for row, line in enumerate(lines):
        for column, char in enumerate(line):
            joins = _JOINS.get(char, 0)
            if _tree_branch(line, column):
                continue
            for side, back, down, right in _SIDES:
                if joins & side and not _met(lines, row + down, column + right, back, char):
                    where = f"{char!r} in column {column + 1} meets nothing {_NAMES[side]}"
                    raise Mistake(first + row, f"A crooked drawing: {where}.", "Move it until its lines join.")


def _at(lines: Sequence[str], row: int, column: int) -> str:
    return lines[row][column] if 0 <= row < len(lines) and 0 <= column < len(lines[row]) else " "


def _met(lines: Sequence[str], row: int, column: int, back: int, char: str) -> bool:
    other = _at(lines, row, column)
    if _JOINS.get(other, 0) & back:
        return True
    if char in "│─" or char in _ARROWS:  # a line may end on the side of a box
        return other == ("─" if back in (_UP, _DOWN) else "│") or other in _ARROWS
    return False


def _tree_branch(line: str, column: int) -> bool:
    """`└── ` or `├── `: any of the three characters."""
    return any(line[at : at + 4] in ("└── ", "├── ") for at in range(max(0, column - 2), column + 1))
