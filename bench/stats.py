"""Numbers of several rounds → one number and its spread. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0…1) of the values don't exceed, by nearest rank. ValueError without values."""
    if not values:
        raise ValueError("no values")
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    ordered = sorted(values)
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(rank, 1) - 1]


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Round by round, so that a slow moment of the machine, which both had, cancels out. ValueError when rounds differ."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError(f"{len(ours)} rounds against {len(theirs)}")
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """{"median", "low", "high"}: the middle, and the least and greatest of them."""
    if not values:
        raise ValueError("no values")
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def against(rounds: Mapping[str, Sequence[float]], ours: str) -> dict[str, dict[str, float]]:
    """The spread of ours / theirs for each other peer that has every round of ours."""
    mine = rounds[ours]
    return {
        name: spread(ratios(mine, values))
        for name, values in rounds.items()
        if name != ours and len(values) == len(mine)
    }
