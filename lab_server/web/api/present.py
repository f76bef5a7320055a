"""Present mode: a terminal of who runs a class, live on its learners' pages."""

from __future__ import annotations

import math

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_server.errors import Conflict, NotFound
from lab_server.store.classes import Class
from lab_server.web import applies, protocol
from lab_server.web.api.classes import CHANGING, SEEING, ClassId
from lab_server.web.api.parts import Instructor, Joined, Parts, Who
from lab_server.web.api.terminals import Query, Talk, converse
from lab_server.web.applies import Found
from lab_server.web.auth import Learner
from lab_server.web.bridge import Bridge
from lab_server.web.guards import Seat
from lab_server.web.hub import Key
from lab_server.web.models_conduct import OpenOut, PresentIn, RoomOut
from lab_server.web.protocol import Close
from lab_server.web.viewer import Viewer

router = APIRouter(tags=["conduct"])


@router.get("/api/classes/{id}/present", responses=SEEING)
async def presentable(id: ClassId, parts: Joined, who: Instructor, own: Who) -> OpenOut:
    """Which terminals of this browser's own sandbox are open."""
    await parts.conduct.look(who.account, id)
    return OpenOut(sessions=parts.open_terminals(own.id))


@router.put("/api/classes/{id}/present", responses=CHANGING)
async def present(id: ClassId, given: PresentIn, parts: Joined, who: Instructor, own: Who) -> RoomOut:
    """Show everybody in the class a terminal of this browser's own sandbox, in place of the one before."""
    there = parts.open_terminals(own.id)
    of = await parts.conduct.present(who.account, id, own.id, given.session, there)
    return RoomOut.model_validate(parts.conduct.public(of))


@router.delete("/api/classes/{id}/present", responses=CHANGING)
async def present_no_more(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    return RoomOut.model_validate(parts.conduct.public(await parts.conduct.present_no_more(who.account, id)))


class Shown(Talk):
    """A terminal that a whole class is shown. Nothing that they send reaches it."""

    __slots__ = ("_class", "_learner", "_parts", "_what")

    def __init__(
        self, parts: Parts, of: Class, learner: Learner, key: Key, bridge: Bridge, viewer: Viewer, seat: Seat
    ) -> None:
        super().__init__(parts.hub, key, bridge, viewer, seat, expires=math.inf)
        self._parts, self._class, self._learner = parts, of.id, learner
        self._what = applies.presented(of, parts.leases.clock.wall())

    def hear(self, data: bytes) -> None:
        pass

    def check(self) -> None:
        """End it where it is presented no more, or to others. The page, which was told so before, has ended it itself."""
        room = self._parts.rooms.get(self._class)
        if (
            room is None or self._learner.id not in room.pages
        ):  # its channel is on its way back, or it is no page of ours
            self.viewer.end(Close(protocol.CLOSE_NOT_READY, "Your page's channel is cut."))
        elif room.of is None or self._learner.id not in room.there or self._presented(room.of) != self._what:
            self.viewer.end(Close(protocol.CLOSE_NOT_FOUND, "This terminal is not presented any more."))

    def _presented(self, of: Class) -> Found | None:
        return applies.presented(of, self._parts.leases.clock.wall())


@router.websocket("/api/memberships/{id}/present")
async def presented(websocket: WebSocket, id: str, parts: Joined) -> None:
    """The terminal that is presented in a class of the learner, who looks on: its messages are a terminal's."""
    await converse(websocket, _look(websocket, parts, id), parts.alive)


async def _look(websocket: WebSocket, parts: Parts, id: str) -> Talk | Close:
    """Raises LabError."""
    learner: Learner | None = websocket.state.learner
    if learner is None:
        return Close(protocol.CLOSE_NOT_SIGNED_IN, "Reload the page.")
    seat = parts.seats.take("learner", learner.id)
    talk: Talk | None = None
    try:
        query = Query(websocket.query_params)
        of, _ = await parts.joining.member(learner.id, id)
        what = applies.presented(of, parts.leases.clock.wall())
        if what is None:
            raise NotFound("Nobody presents a terminal in this class now.")
        key = await _terminal(parts, what)
        structlog.contextvars.bind_contextvars(sandbox=key[0], session=key[1])
        # a client's name that no page of the terminal's own can have
        bridge, viewer = parts.hub.watch(key, f"~{learner.id}~{query.client}", query.output, query.terminal)
        talk = Shown(parts, of, learner, key, bridge, viewer, seat)
        return talk
    finally:
        if talk is None:
            seat.leave()


async def _terminal(parts: Parts, what: Found) -> Key:
    """Which one it is. Raises Conflict where it isn't open at the moment: a page asks again, and learners open none."""
    lease = await parts.leases.find(what["learner"])
    if lease is None or what["session"] not in parts.open_terminals(what["learner"]):
        raise Conflict(f"The terminal that {what['by']} presents is not open at the moment.", "It comes by itself.")
    return lease.id, what["session"]
