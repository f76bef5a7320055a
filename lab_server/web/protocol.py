"""Messages of the terminal websocket: what the text frames say, checked and typed. Pure.

Knows docs/develop/protocol.md, and is mirrored by web/src/protocol.ts (a test compares the two).
Doesn't know sockets, terminals or who is connected.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from lab_server.errors import BadInput
from lab_server.sandbox.contract import MAX_COLUMNS, MAX_ROWS

CLIENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_FRAME = 1 << 20  # bytes; a longer one is closed with 1009
MAX_TEXT = 4096  # characters of a text frame
ACK_EVERY = 64 * 1024  # bytes; the page acknowledges this often
MAX_BEHIND = 512 * 1024  # bytes a viewer may have unacknowledged: less than a ring has, and enough for a slow way
DEFAULT_COLUMNS, DEFAULT_ROWS = 80, 24

CLOSE_DONE = 1000  # the shell ended, as `exit` said
CLOSE_TOO_BIG = 1009
CLOSE_RESTARTING = 1012
CLOSE_NOT_UNDERSTOOD = 4400
CLOSE_NOT_SIGNED_IN = 4401
CLOSE_FOREIGN_ORIGIN = 4403
CLOSE_NOT_FOUND = 4404
CLOSE_REPLACED = 4408
CLOSE_NOT_READY = 4409
CLOSE_ENDED = 4410
CLOSE_TOO_MANY = 4429
CLOSE_BROKEN = 4500

SERVER_MESSAGES = ("hello", "accepted", "gap", "size", "exit", "pong", "lease", "presented")
CLIENT_MESSAGES = ("resize", "ack", "ping")


@dataclass(frozen=True)
class Resize:
    columns: int
    rows: int


@dataclass(frozen=True)
class Ack:
    output: int


@dataclass(frozen=True)
class Ping:
    pass


@dataclass(frozen=True)
class Close:
    """How a connection ends: a close code and a sentence (websocket limit: 123 bytes)."""

    code: int
    reason: str = ""

    def clipped(self) -> str:
        return self.reason.encode()[:120].decode(errors="ignore")


def clamp(value: object, most: int, name: str) -> int:
    """A terminal's dimension out of whatever number came, 1…most. Raises BadInput for what is no number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadInput(f"The field {name!r} is not a number.")
    if isinstance(value, float) and math.isnan(value):
        return 1
    return int(max(1, min(most, value)))


def message(text: str) -> dict[str, Any]:
    """A text frame as the JSON object that it has to be. Raises BadInput."""
    if len(text) > MAX_TEXT:
        raise BadInput(f"A text frame is longer than {MAX_TEXT} characters.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise BadInput("A text frame is not JSON.") from None
    if not isinstance(found, dict):
        raise BadInput("A text frame is not a JSON object.")
    return found


def parse(text: str) -> Resize | Ack | Ping:
    """A client's text frame. Raises BadInput naming the field that is wrong."""
    told = message(text)
    match told.get("type"):
        case "resize":
            return Resize(clamp(told.get("cols"), MAX_COLUMNS, "cols"), clamp(told.get("rows"), MAX_ROWS, "rows"))
        case "ack":
            output = told.get("output")
            if isinstance(output, bool) or not isinstance(output, int) or output < 0:
                raise BadInput("The field 'output' is not an offset.")
            return Ack(output)
        case "ping":
            return Ping()
    raise BadInput(f"The field 'type' is none of: {', '.join(CLIENT_MESSAGES)}.")


def _text(type: str, **fields: object) -> str:
    return json.dumps({"type": type, **fields}, separators=(",", ":"), ensure_ascii=False)


def hello(terminal: str, output: int, end: int, accepted: int) -> str:
    return _text("hello", terminal=terminal, output=output, end=end, input=accepted)


def accepted(total: int) -> str:
    return _text("accepted", input=total)


def gap(output: int) -> str:
    return _text("gap", output=output)


def size(columns: int, rows: int) -> str:
    return _text("size", cols=columns, rows=rows)


def exit(code: int | None, reason: str) -> str:
    return _text("exit", code=code, reason=reason)


def pong() -> str:
    return _text("pong")


class Presented(TypedDict):
    """A session of the sandbox that a class is shown."""

    session: str
    id: str
    title: str


def presented(to: Sequence[Presented]) -> str:
    """Who is shown terminals of this sandbox; told to its own pages only."""
    return _text("presented", to=to)


def lease(ends_in: float | None, ends_why: str = "", extendable: bool = False, extension: float = 0.0) -> str:
    """Seconds until the sandbox ends (None: not soon), and those that extending it would add."""
    return _text("lease", ends_in=ends_in, ends_why=ends_why, extendable=extendable, extension=extension)
