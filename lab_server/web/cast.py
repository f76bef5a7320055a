"""A terminal's output as asciicast v2 has it (docs.asciinema.org/manual/asciicast/v2). Pure.

Knows the format's lines. Doesn't know files or terminals. v2 and not v3: every player and converter reads it, and its times are since
the beginning, so that a line that is lost moves no other. There are "o", "r" and "m" events and no others: what is typed is in none.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence

Event = tuple[float, str, bytes | str]  # seconds since the beginning, kind, what: bytes for output
OUTPUT, SIZE, MARK = "o", "r", "m"
RESET = b"\x1bc"  # after a gap nothing of the earlier screen is certain
PIECE = 16 * 1024  # bytes of one line at the most, so that no thread holds the interpreter for long


def head(columns: int, rows: int, at: float, title: str) -> bytes:
    about = {"version": 2, "width": columns, "height": rows, "timestamp": int(at), "title": title}
    return _line(about | {"env": {"TERM": "xterm-256color", "SHELL": "/bin/bash"}})


def size(columns: int, rows: int) -> str:
    return f"{columns}x{rows}"


def gap(missing: int) -> str:
    """A marker's words."""
    return f"{missing} bytes are missing: too much was printed at once"


class Writer:
    """Events → lines. A character whose bytes come in two pieces is whole in the second one's line."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def lines(self, events: Sequence[Event], last: bool = False) -> list[bytes]:
        """`last`: nothing follows, so that half a character is all there will be of it."""
        made: list[bytes] = []
        for at, kind, what in events:
            if isinstance(what, str):
                made.append(_line([round(at, 3), kind, what]))
                continue
            for start in range(0, len(what), PIECE):
                if text := self._decoder.decode(what[start : start + PIECE]):
                    made.append(_line([round(at, 3), kind, text]))
        if last and events and (rest := self._decoder.decode(b"", True)):
            made.append(_line([round(events[-1][0], 3), OUTPUT, rest]))
        return made


def _line(what: object) -> bytes:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
