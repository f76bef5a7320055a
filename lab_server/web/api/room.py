"""The channel of a learner's page into the rooms of their classes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from lab_server.errors import BadInput, LabError
from lab_server.web import protocol
from lab_server.web.api.parts import Joined
from lab_server.web.api.terminals import closing
from lab_server.web.auth import Learner
from lab_server.web.channel import Channel, word
from lab_server.web.protocol import Close
from lab_server.web.requests import HEADER
from lab_server.web.room import Page, Room, Rooms, attending

log = structlog.get_logger()
router = APIRouter()


class Told:
    """What one learner's page was told last: the same isn't told again."""

    def __init__(self, rooms: Rooms, learner: str, there: list[Room]) -> None:
        self._rooms, self._learner, self._there = rooms, learner, there
        self._last = ""

    def tell(self) -> list[str]:
        text = json.dumps({"type": "room", "classes": self._rooms.told(self._learner, self._there)}, ensure_ascii=False)
        if text == self._last:
            return []
        self._last = text
        return [text]

    def hear(self, message: dict[str, Any]) -> None:
        """Raises BadInput."""
        match message.get("type"):
            case "at":
                self._rooms.at(self._learner, word(message, "lesson"), word(message, "step"))
            case "did":
                if not isinstance(failed := message.get("failed"), bool):
                    raise BadInput("The field 'failed' is neither true nor false.")
                self._rooms.did(self._learner, failed)
            case "hint":
                self._rooms.hinted(self._learner)
            case _:
                raise BadInput("The field 'type' is none of: at, did, hint.")


@router.websocket("/api/room")
async def room(websocket: WebSocket, parts: Joined) -> None:
    """Tells {"type": "room", "classes": […]} whenever that changes; hears where the learner is, and how commands end."""
    learner: Learner | None = websocket.state.learner
    await websocket.accept(headers=[(HEADER, websocket.state.request.encode())])
    if learner is None:
        close = Close(protocol.CLOSE_NOT_SIGNED_IN, "Reload the page.")
    else:
        channel = Channel(websocket)
        try:
            async with attending(parts.rooms, learner.id, Page(channel.wake)) as there:
                told = Told(parts.rooms, learner.id, there)
                close = await channel.serve(told.tell, told.hear)
        except WebSocketDisconnect as why:
            websocket.state.closed = why.code
            return
        except LabError as why:
            close = closing(why)
        except Exception as why:
            log.error("a room's channel broke", exc_info=why)
            close = Close(protocol.CLOSE_BROKEN, "The server broke.")
    websocket.state.closed = close.code
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(close.code, close.clipped())
