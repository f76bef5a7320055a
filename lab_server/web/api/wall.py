"""The wall's channel: the whole class, live, for those who run it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.errors import BadInput, LabError, NotSignedIn, Refused, StoreFailed
from lab_server.web import protocol
from lab_server.web.api.parts import Joined, Parts, Token
from lab_server.web.api.terminals import closing
from lab_server.web.channel import Channel, Frame
from lab_server.web.faults import TooMany
from lab_server.web.miniatures import Miniatures
from lab_server.web.protocol import Close
from lab_server.web.requests import HEADER
from lab_server.web.room import Page, Room
from lab_server.web.wall import Walls, looking

log = structlog.get_logger()
router = APIRouter()

EVERY = 0.4  # seconds between two tellings, at least
LOOK = 0.5  # seconds after which it looks by itself: terminals and time tell nobody that they go on
CHECK = 3.0  # seconds between two looks at whether this sign-in may still see it
MOST_SEEN = 250  # miniatures of one page; a frame holds no more names
GONE = Close(protocol.CLOSE_NOT_FOUND, "The class is gone.")


class Told:
    """What one page was told of a class; what it knows isn't told again. `close` ends it."""

    def __init__(self, walls: Walls, room: Room) -> None:
        self._walls, self._room = walls, room
        self._state = ""
        self._tiles: dict[str, dict[str, object]] = {}
        self._begun = False
        self._tasks: list[dict[str, object]] | None = None
        self._passed: dict[str, str] = {}
        self._miniatures = Miniatures()
        self.close: Close | None = None

    def tell(self) -> list[Frame] | Close:
        if self.close:
            return self.close
        if self._room.of is None:
            return GONE
        screens = self._walls.screens(self._room)
        frames = [*self._tell_state(), *self._tell_tiles(self._walls.tiles(self._room, screens)), *self._tell_heat()]
        return frames + self._miniatures.frames(screens, asyncio.get_running_loop().time())

    def _tell_state(self) -> list[Frame]:
        text = _text(type="room", **self._walls.state(self._room))
        if text == self._state:
            return []
        self._state = text
        return [text]

    def _tell_tiles(self, tiles: dict[str, dict[str, object]]) -> list[Frame]:
        changed = [tile for id, tile in tiles.items() if self._tiles.get(id) != tile]
        gone = [id for id in self._tiles if id not in tiles]
        self._tiles = tiles
        if not changed and not gone and self._begun:
            return []
        self._begun = True
        return [_text(type="tiles", tiles=changed, gone=gone)]

    def _tell_heat(self) -> list[Frame]:
        tasks, passed = self._walls.heat(self._room)
        anew = tasks != self._tasks
        changed = {id: row for id, row in passed.items() if anew or self._passed.get(id) != row}
        self._tasks, self._passed = tasks, passed
        if not changed and not anew:
            return []
        return [_text(type="heat", passed=changed, **({"tasks": tasks} if anew else {}))]

    def hear(self, message: dict[str, Any]) -> None:
        """Raises BadInput. Whoever isn't in the class is nobody: of them nothing is sent, and nothing is said."""
        if message.get("type") != "see":
            raise BadInput("The field 'type' is not 'see'.")
        ids = message.get("learners")
        if not isinstance(ids, list) or len(ids) > MOST_SEEN or not all(isinstance(id, str) for id in ids):
            raise BadInput(f"The field 'learners' is not a list of at most {MOST_SEEN} ids.")
        self._miniatures.see(ids)


def _text(**message: object) -> str:
    return json.dumps(message, ensure_ascii=False)


@router.websocket("/api/classes/{id}/wall")
async def wall(websocket: WebSocket, id: str, parts: Joined, token: Token) -> None:
    """Tells `room`, `tiles`, `heat` and terminals' bytes as they change; hears which learners the page shows."""
    await websocket.accept(headers=[(HEADER, websocket.state.request.encode())])
    try:
        await _may(parts, token, id, note=True)
        close = await _serve(websocket, id, parts, token)
    except WebSocketDisconnect as why:
        websocket.state.closed = why.code
        return
    except LabError as why:
        close = refusing(why)
    except Exception as why:
        log.error("a wall broke", exc_info=why)
        close = Close(protocol.CLOSE_BROKEN, "The server broke.")
    websocket.state.closed = close.code
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(close.code, close.clipped())


async def _serve(websocket: WebSocket, id: str, parts: Parts, token: str) -> Close:
    channel = Channel(websocket, EVERY)
    async with looking(parts.walls, id, Page(channel.wake)) as room:
        told = Told(parts.walls, room)
        beside = [asyncio.create_task(_look(channel)), asyncio.create_task(_check(channel, told, parts, token, id))]
        try:
            return await channel.serve(told.tell, told.hear)
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _look(channel: Channel) -> None:
    while True:
        await asyncio.sleep(LOOK)
        channel.wake()


async def _check(channel: Channel, told: Told, parts: Parts, token: str, id: str) -> None:
    """End it soon after the sign-in or the role has ended. While the store can't be asked, nobody can end either."""
    while told.close is None:
        await asyncio.sleep(CHECK)
        try:
            await _may(parts, token, id, note=False)
        except StoreFailed:
            continue
        except LabError as why:
            told.close = refusing(why)
            channel.wake()


async def _may(parts: Parts, token: str, id: str, note: bool) -> None:
    """Raises NotSignedIn, NotFound, StoreFailed. `note`: it counts as a use of the sign-in; a wall that stays open does not."""
    who = await parts.signins.need(token, note)
    await parts.classes.allowed(who.account, id)


def refusing(why: LabError) -> Close:
    """The close code of who may not see it."""
    if isinstance(why, NotSignedIn):
        return Close(protocol.CLOSE_NOT_SIGNED_IN, str(why))
    if isinstance(why, Refused) and not isinstance(why, TooMany):
        return Close(protocol.CLOSE_FOREIGN_ORIGIN, str(why))
    return closing(why)
