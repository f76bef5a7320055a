"""What was measured against peers, as one SVG: a small chart for each figure, a bar for each peer. Pure.

Knows figures. Doesn't know what they mean. Each chart has its own scale; the whisker is the spread of the rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.figures import Figure, number

WIDTH, LABEL, VALUE = 760, 110, 150  # pixels: all of it, a peer's name, a value behind its bar
BAR, GAP, HEAD = 16, 6, 44
COLOURS = {"ours": "#1a73b8"}
OTHER = "#9aa5b1"


def compared(figure: Figure) -> dict[str, dict[str, float]]:
    """Each peer's {"median", "low", "high"}; empty where the figure was not measured in rounds of several peers."""
    found = {
        name: {key: float(got[key]) for key in ("median", "low", "high")}
        for name, got in figure.detail.items()
        if isinstance(got, dict) and {"median", "low", "high"} <= set(got)
    }
    return found if len(found) > 1 else {}


def svg(figures: Sequence[Figure]) -> str:
    """All figures that were measured against somebody; an empty drawing where none was."""
    parts: list[str] = []
    top = 8
    for figure in figures:
        if peers := compared(figure):
            better = "more is better" if figure.sense == "least" else "less is better"
            title = f"{figure.name.replace('`', '')}, {figure.unit} ({better})"
            parts.append(f'<text x="8" y="{top + 18}" class="title">{escape(title)}</text>')
            parts += _bars(peers, top + HEAD - 16)
            top += HEAD + len(peers) * (BAR + GAP)
    style = "text{font:13px sans-serif;fill:#222}.title{font-weight:bold}rect.page{fill:#fff}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top + 8}" viewBox="0 0 {WIDTH} {top + 8}">'
        f'<style>{style}</style><rect class="page" width="{WIDTH}" height="{top + 8}"/>{"".join(parts)}</svg>\n'
    )


def _bars(peers: dict[str, dict[str, float]], top: int) -> list[str]:
    most = max(got["high"] for got in peers.values()) or 1.0
    scale = (WIDTH - LABEL - VALUE) / most
    drawn = []
    for n, (name, got) in enumerate(sorted(peers.items(), key=lambda peer: peer[0] != "ours")):
        y = top + n * (BAR + GAP)
        middle, low, high = (LABEL + got[key] * scale for key in ("median", "low", "high"))
        line = y + BAR / 2
        value = f"{number(got['median'])} ({number(got['low'])}–{number(got['high'])})"
        drawn += [
            f'<text x="{LABEL - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{middle - LABEL:.1f}" height="{BAR}" fill="{COLOURS.get(name, OTHER)}"/>',
            f'<path d="M{low:.1f} {line}H{high:.1f}M{low:.1f} {y + 4}v8M{high:.1f} {y + 4}v8" stroke="#222" fill="none"/>',
            f'<text x="{max(high, middle) + 8:.1f}" y="{y + 13}">{value}</text>',
        ]
    return drawn
