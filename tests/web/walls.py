"""A page that shows a class's wall: it keeps every tile, the heat map, and what each terminal would show."""

from __future__ import annotations

import json
from typing import Any

from lab_server.web.miniatures import ANEW, HEAD, VERSION
from tests.conftest import PATIENCE
from tests.web.instructor import Instructor
from tests.web.rooms import Channel

Json = dict[str, Any]
Record = tuple[int, str, str, tuple[int, int], bytes]


def records(frame: bytes) -> list[Record]:
    """A binary frame's parts: (flags, learner's id, session, size, bytes)."""
    assert frame[0] == VERSION
    found, at = [], 1
    while at < len(frame):
        flags, name, of, columns, rows, size = HEAD.unpack_from(frame, at)
        at += HEAD.size
        id, session = frame[at : at + name].decode(), frame[at + name : at + name + of].decode()
        at += name + of
        assert at + size <= len(frame)
        found.append((flags, id, session, (columns, rows), frame[at : at + size]))
        at += size
    return found


class Wall(Channel):
    """`tiles` by learner's id; `screens`: learner's id → (session, size, bytes since it began anew)."""

    def __init__(self, who: Instructor, of: Json, origin: str = "") -> None:
        super().__init__(who, f"/api/classes/{of['id']}/wall", origin)
        self.tiles: dict[str, Json] = {}
        self.passed: dict[str, str] = {}
        self.screens: dict[str, tuple[str, tuple[int, int], bytes]] = {}
        self.anew = 0
        self.messages = 0

    def take(self, within: float = PATIENCE) -> None:
        frame = self.socket.recv(timeout=within)
        self.messages += 1
        if isinstance(frame, bytes):
            for flags, id, session, size, data in records(frame):
                self.anew += flags & ANEW
                before = b"" if flags & ANEW else self.screens[id][2]
                self.screens[id] = (session, size, before + data)
            return
        message = json.loads(frame)
        self.told[message["type"]] = self.told.get(message["type"], {}) | message
        if message["type"] == "tiles":
            self.tiles |= {tile["id"]: tile for tile in message["tiles"]}
            for id in message["gone"]:
                del self.tiles[id]
        elif message["type"] == "heat":
            self.passed |= message["passed"]

    def tile(self, name: str) -> Json:
        """KeyError while there is none."""
        return {tile["name"]: tile for tile in self.tiles.values()}[name]

    def see(self, *names: str) -> None:
        self.say(type="see", learners=[self.tile(name)["id"] for name in names])

    def screen(self, name: str) -> bytes:
        """What was sent of the learner's terminal; KeyError where nothing was."""
        return self.screens[self.tile(name)["id"]][2]
