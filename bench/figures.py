"""One figure: what was measured, its target, and how both look in a table. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`, the median where there were rounds; None when it could not be measured, and `note` says why.

    `target` is the most it may be ("most") or the least ("least"), by `sense`; None where it is only told.
    """

    part: str
    name: str
    value: float | None
    unit: str
    target: float | None = None
    sense: str = "most"
    note: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    broke: bool = False  # the measurement itself failed

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or no value."""
        if self.value is None or self.target is None:
            return None
        return self.value <= self.target if self.sense == "most" else self.value >= self.target

    def as_json(self) -> dict[str, Any]:
        named = ("part", "name", "value", "unit", "target", "sense", "met", "note", "broke", "detail")
        return {name: getattr(self, name) for name in named}


def number(value: float) -> str:
    """Three digits that matter: 0.0123, 1.23, 12.3, 1234."""
    if value == 0:
        return "0"
    size = abs(value)
    places = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{places}f}"


def cells(figure: Figure) -> tuple[str, str, str, str]:
    """(name, target, measured, verdict)."""
    sign = "≤" if figure.sense == "most" else "≥"
    target = "" if figure.target is None else f"{sign} {number(figure.target)} {figure.unit}".rstrip()
    measured = "–" if figure.value is None else f"{number(figure.value)} {figure.unit}".rstrip()
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    if figure.value is None:
        verdict = "not measured"
    return figure.name, target, measured, verdict


def table(figures: Sequence[Figure]) -> str:
    """Lines for a terminal: columns aligned, a heading a part, notes below their figure."""
    rows = [cells(figure) for figure in figures]
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(3)]
    lines: list[str] = []
    part = ""
    for figure, row in zip(figures, rows, strict=True):
        if figure.part != part:
            part = figure.part
            lines += ["", part]
        lines.append(f"  {row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}  {row[3]}".rstrip())
        if figure.note:
            lines.append(f"      {figure.note}")
    return "\n".join(lines).lstrip("\n")
