"""Help: hands that learners raise, terminals that those who run a class watch, and typing together where the learner agrees."""

from __future__ import annotations

import math
import re

import structlog
from fastapi import APIRouter
from starlette.websockets import WebSocket

from lab_server.errors import Conflict, NotFound
from lab_server.sandbox.contract import SESSION
from lab_server.store import audit
from lab_server.store.accounts import Account
from lab_server.store.classes import Class
from lab_server.store.members import Member
from lab_server.web import hands
from lab_server.web.api.classes import CHANGING, SEEING, ClassId, OtherId
from lab_server.web.api.parts import Address, Instructor, Joined, Parts, Who
from lab_server.web.api.terminals import Query, Talk, closing, converse
from lab_server.web.bridge import Bridge
from lab_server.web.guards import Seat
from lab_server.web.help import Help, Typing, Watch
from lab_server.web.hub import Hub, Key
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import CONFLICT, HandOut
from lab_server.web.models_help import AnswerIn, HandIn, LearnerNow, Place, TypingMine, TypingOut
from lab_server.web.models_progress import TOO_MANY
from lab_server.web.signin import SignedIn
from lab_server.web.viewer import Viewer

router = APIRouter(tags=["help"])
ID = re.compile("[0-9a-f]{1,24}")


# --- hands ---


@router.put("/api/memberships/{id}/hand", status_code=204, responses=ERRORS | CONFLICT | TOO_MANY)
async def raise_hand(id: ClassId, given: HandIn, parts: Joined, who: Who, address: Address) -> None:
    """Raise the learner's hand, with a question or without. One that is up keeps its place and gets this question."""
    parts.writes.take(address)
    await parts.hands.put_up(who.id, id, given.question)


@router.delete("/api/memberships/{id}/hand", status_code=204, responses=ERRORS | TOO_MANY)
async def lower_hand(id: ClassId, parts: Joined, who: Who, address: Address) -> None:
    parts.writes.take(address)
    await parts.hands.put_down(who.id, id)


@router.delete("/api/classes/{id}/learners/{learner}/hand", status_code=204, responses=SEEING)
async def helped(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> None:
    """Lower a learner's hand: they were helped. An assistant may."""
    _, there = await parts.classes.learner(who.account, id, learner)
    await parts.hands.put_down(there.learner, id)


# --- a learner now ---


@router.get("/api/classes/{id}/learners/{learner}", responses=SEEING)
async def learner_now(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> LearnerNow:
    """Where a learner is, what they ask, and which of their terminals are open."""
    _, there = await parts.classes.learner(who.account, id, learner)
    lease = parts.leases.by_owner(there.learner)
    typing = parts.help.typing(id, there.id)
    hand = hands.shown(there)
    return LearnerNow(
        id=there.id,
        name=there.name,
        online=parts.help.present(id, there.learner),
        place=_place(parts, there),
        sandbox=lease.state if lease else "",  # type: ignore[arg-type]
        sessions=parts.open_terminals(there.learner),
        hand=HandOut.model_validate(hand) if hand else None,
        watchers=parts.help.watchers(id, there.id),
        typing=_mine(typing, who) if typing else None,
    )


def _place(parts: Parts, there: Member) -> Place | None:
    room = parts.rooms.get(there.of)
    live = room.live.get(there.id) if room and there.learner in room.pages else None
    found = next((lesson for lesson in parts.catalog.lessons if live and lesson.id == live.lesson), None)
    return Place(title=found.title, url=found.url, step=live.step) if live and found else None


def _mine(typing: Typing, who: SignedIn) -> TypingMine:
    return TypingMine.model_validate(typing.public() | {"mine": typing.who.id == who.account.id})


# --- typing together ---


@router.post("/api/classes/{id}/learners/{learner}/typing", responses=CHANGING)
async def ask(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> TypingMine:
    """Ask the learner whether this account may type in their terminals, one of which it watches. 409 where somebody else does."""
    _, there = await parts.classes.learner(who.account, id, learner)
    return _mine(parts.help.ask(id, there.id, who.account), who)


@router.delete("/api/classes/{id}/learners/{learner}/typing", status_code=204, responses=SEEING)
async def stop(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> None:
    """Ask no more, or type no more: whoever of those who run the class did."""
    _, there = await parts.classes.learner(who.account, id, learner)
    parts.help.stop(id, there.id)


@router.put("/api/memberships/{id}/typing", responses=ERRORS | CONFLICT)
async def answer(id: ClassId, given: AnswerIn, parts: Joined, who: Who) -> TypingOut | None:
    """The learner's answer to who asks to type; null is a no. A yes ends with the watch, the sandbox, or when either wants it to."""
    of, there = await parts.joining.member(who.id, id)
    typing = parts.help.asked(id, there.id, given.by)
    if not given.allow:
        parts.help.stop(id, there.id)
        return None
    await parts.classes.note(typing.who, of, audit.TYPED, there.id)
    parts.help.grant(id, there.id, typing)
    return TypingOut.model_validate(typing.public())


@router.delete("/api/memberships/{id}/typing", status_code=204, responses=ERRORS)
async def no_more(id: ClassId, parts: Joined, who: Who) -> None:
    """Nobody types in the learner's terminals from here on."""
    _, there = await parts.joining.member(who.id, id)
    parts.help.stop(id, there.id)


# --- watching ---


class Looking(Talk):
    """A terminal that somebody looks at. What they type is typed only while the learner agrees; they have no say in its size."""

    __slots__ = ("_help", "_watch")

    def __init__(
        self, help: Help, watch: Watch, hub: Hub, key: Key, bridge: Bridge, viewer: Viewer, seat: Seat
    ) -> None:
        super().__init__(hub, key, bridge, viewer, seat, expires=math.inf)
        self._help, self._watch = help, watch
        help.begin(watch)

    def hear(self, data: bytes) -> None:
        if self._help.types(self._watch):
            super().hear(data)

    def end(self) -> None:
        self._help.end(self._watch)
        super().end()


@router.websocket("/api/classes/{id}/learners/{learner}/terminals/{session}")
async def watch(websocket: WebSocket, id: str, learner: str, session: str, parts: Joined) -> None:
    """A learner's terminal, for who runs their class: the messages are a terminal's, and the learner's pages say who looks."""
    await converse(websocket, _look(websocket, parts, (id, learner), session), parts.alive)


async def _look(websocket: WebSocket, parts: Parts, which: tuple[str, str], session: str) -> Talk:
    """Raises LabError."""
    query = Query(websocket.query_params)
    token = parts.signins.token(websocket.headers.get("cookie", ""), websocket.state.secure)
    who = (await parts.signins.need(token)).account
    of, there = await _watched(parts, who, which)
    seat = parts.seats.take("learner", who.id)
    talk: Talk | None = None
    try:
        key = await _terminal(parts, there, session)
        structlog.contextvars.bind_contextvars(sandbox=key[0], session=session)
        if parts.help.new(of.id, there.id, who.id, session):
            await parts.classes.note(who, of, audit.WATCHED, there.id, session=session)
        # a client's name that no learner's page can have
        bridge, viewer = parts.hub.watch(key, f"~{who.id}~{query.client}", query.output, query.terminal)

        async def allowed() -> None:
            _, now = await _watched(parts, await parts.signins.still(token), which)
            if now.learner != there.learner:
                raise NotFound("This learner goes on in another browser.", "Watch them anew.")

        looks = Watch(of.id, there.id, there.learner, who, session, allowed, over=lambda why: viewer.end(closing(why)))
        talk = Looking(parts.help, looks, parts.hub, key, bridge, viewer, seat)
        return talk
    finally:
        if talk is None:
            seat.leave()


async def _watched(parts: Parts, who: Account, which: tuple[str, str]) -> tuple[Class, Member]:
    """Raises NotFound; Conflict in a class that is over, of which learners' pages tell nothing."""
    if not all(map(ID.fullmatch, which)):
        raise NotFound("There is no such learner in this class.")
    of, there = await parts.classes.learner(who, *which)
    if of.archived:
        raise Conflict("This class is over.", "Open it again to help in it.")
    return of, there


async def _terminal(parts: Parts, of: Member, session: str) -> Key:
    """Which one it is. Raises NotFound where it isn't open: watching opens none."""
    lease = await parts.leases.find(of.learner)
    if not SESSION.fullmatch(session) or session not in parts.sessions():
        raise NotFound(f"There is no session {session[:16]!r}.")
    if lease is None or lease.state != "ready":
        raise NotFound(f"{of.name} has no sandbox at the moment.", "It can be watched once they start one.")
    if (lease.id, session) not in parts.hub.bridges():
        raise NotFound("This terminal is not open.", "It can be watched once its learner opens it.")
    return lease.id, session
