"""Terminals in miniature: what one page that looks at many is sent of each, at its own modest pace.

Knows bridges' rings and the frames of docs/develop/protocol.md; a browser makes the picture. Doesn't know who may see whom: it is given
the terminals that may be seen each time. It is no viewer of a terminal: it reads what the ring has, so that it neither holds a shell
up nor is told of every byte.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab_server.sandbox.ring import Ring
from lab_server.web.bridge import Bridge

VERSION = 1
HEAD = struct.Struct(">BBBHHI")  # flags, length of id, length of session, columns, rows, length of the bytes
ANEW = 1  # flag: what comes is no continuation: begin with an empty screen
MOST = 8 * 1024  # bytes of a terminal in one go: of its past at the beginning, and where there was more than that
RATE = 8 * 1024  # bytes a second and terminal
FRAME = 32 * 1024  # bytes of a frame, about: other channels get their turn in between
ONCE = 128 * 1024  # bytes in one go, all terminals together; who isn't served then comes first the next time
NEAR = 4096  # bytes in which a good place to begin is looked for


@dataclass
class _At:
    """Where a terminal's viewer is. `next`: when more may be sent."""

    bridge: Bridge
    offset: int
    size: tuple[int, int]
    next: float


class Miniatures:
    """Of one page. `see` says whom it shows; `frames` gives what is new."""

    def __init__(self) -> None:
        self._line: list[str] = []
        self._at: dict[str, _At] = {}

    def see(self, ids: Sequence[str]) -> None:
        """Whom the page shows, from now on. One that it didn't show before is sent from the beginning."""
        wanted = dict.fromkeys(ids)
        self._at = {id: at for id, at in self._at.items() if id in wanted}
        self._line = [id for id in self._line if id in wanted] + [id for id in wanted if id not in self._line]

    def frames(self, screens: Mapping[str, Sequence[tuple[str, Bridge]]], now: float) -> list[bytes]:
        """What is to be sent now: of each learner in `screens` that the page shows, the terminal that stands first."""
        frames, frame, total = [], bytearray((VERSION,)), 0
        waiting: list[str] = []
        served: list[str] = []
        for id in self._line:
            told = self._record(id, screens[id][0], now) if total < ONCE and screens.get(id) else b""
            if not screens.get(id):
                self._at.pop(id, None)  # when there is one again, it begins anew
            (served if told else waiting).append(id)
            total += len(told)
            frame += told
            if len(frame) >= FRAME:
                frames.append(bytes(frame))
                frame = bytearray((VERSION,))
        self._line = waiting + served
        return [*frames, bytes(frame)] if len(frame) > 1 else frames

    def _record(self, id: str, terminal: tuple[str, Bridge], now: float) -> bytes:
        session, bridge = terminal
        ring, at, flags = bridge.ring, self._at.get(id), 0
        if at is None or at.bridge is not bridge:
            at, flags = _At(bridge, beginning(ring), bridge.size, now), ANEW
            self._at[id] = at
        elif (at.offset == ring.end or now < at.next) and at.size == bridge.size:
            return b""
        elif ring.end - at.offset > MOST:
            at.offset, flags = beginning(ring), ANEW
        data = read(ring, at.offset)
        at.offset, at.size, at.next = ring.end, bridge.size, now + len(data) / RATE
        return record(id, session, bridge.size, data, flags)


def record(id: str, session: str, size: tuple[int, int], data: bytes, flags: int = 0) -> bytes:
    """A terminal's part of a frame."""
    name, of = id.encode(), session.encode()
    return HEAD.pack(flags, len(name), len(of), *size, len(data)) + name + of + data


def read(ring: Ring, offset: int) -> bytes:
    """Everything from `offset` on."""
    parts = []
    while offset < ring.end:
        parts.append(ring.read(offset, ring.end - offset))  # in two at the wrap
        offset += len(parts[-1])
    return b"".join(parts)


def beginning(ring: Ring) -> int:
    """Where to begin, MOST bytes before the end at the most: no escape sequence or letter is cut where that can be told.

    After the end of a line; where there is none near, as from programs that paint the whole screen, at a sequence's beginning.
    """
    offset = max(ring.start, ring.end - MOST)
    if offset == 0:
        return 0
    near = read(ring, offset)[:NEAR]
    if (line := near.find(b"\n")) >= 0:
        return offset + line + 1
    if (escape := near.find(b"\x1b")) >= 0:
        return offset + escape
    return offset + next((n for n, byte in enumerate(near) if byte & 0xC0 != 0x80), 0)
