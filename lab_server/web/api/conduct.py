"""Control of a class's room, for those who run it: what they say to all of it, and do to its sandboxes."""

from __future__ import annotations

from fastapi import APIRouter

from lab_server.web.api.classes import CHANGING, SEEING, ClassId, OtherId
from lab_server.web.api.parts import Instructor, Joined
from lab_server.web.models_conduct import EndIn, ExtendedOut, HereIn, MessageIn, RoomOut

router = APIRouter(prefix="/api/classes/{id}", tags=["conduct"])


def _room(found: dict[str, object]) -> RoomOut:
    return RoomOut.model_validate(found)


@router.get("/room", responses=SEEING)
async def look(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    """What holds for everybody in the class now."""
    return _room(parts.conduct.public(await parts.conduct.look(who.account, id)))


@router.put("/message", responses=CHANGING)
async def say(id: ClassId, given: MessageIn, parts: Joined, who: Instructor) -> RoomOut:
    """A message on the pages of all its learners, also of those who come later, in place of the one before."""
    return _room(parts.conduct.public(await parts.conduct.say(who.account, id, given.text)))


@router.delete("/message", responses=CHANGING)
async def unsay(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    return _room(parts.conduct.public(await parts.conduct.say(who.account, id, None)))


@router.put("/here", responses=CHANGING)
async def point(id: ClassId, given: HereIn, parts: Joined, who: Instructor) -> RoomOut:
    """Everybody is to be at this lesson, and step of it."""
    return _room(parts.conduct.public(await parts.conduct.point(who.account, id, (given.lesson, given.step))))


@router.delete("/here", responses=CHANGING)
async def unpoint(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    return _room(parts.conduct.public(await parts.conduct.point(who.account, id, None)))


@router.put("/pause", responses=CHANGING)
async def pause(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    """Every sandbox of its learners stands still, and their time with it."""
    return _room(parts.conduct.public(await parts.conduct.pause(who.account, id, True)))


@router.delete("/pause", responses=CHANGING)
async def go_on(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    return _room(parts.conduct.public(await parts.conduct.pause(who.account, id, False)))


@router.post("/extend", responses=CHANGING)
async def extend(id: ClassId, parts: Joined, who: Instructor) -> ExtendedOut:
    """The ends of all their sandboxes are put off, also where a learner couldn't any more."""
    done = await parts.conduct.extend(who.account, id)
    return ExtendedOut(extended=done.extended, sandboxes=done.sandboxes, seconds=done.seconds)


@router.post("/learners/{learner}/reset", status_code=204, responses=CHANGING)
async def reset(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> None:
    """One learner gets a new sandbox: everything in the old one is gone, and they are told who did that."""
    await parts.conduct.reset(who.account, id, learner)


@router.post("/end", responses=CHANGING)
async def end(id: ClassId, given: EndIn, parts: Joined, who: Instructor) -> RoomOut:
    """It closes in so many seconds, and sandboxes of learners who are in no other open class end with it."""
    return _room(parts.conduct.public(await parts.conduct.end(who.account, id, given.seconds)))


@router.delete("/end", responses=CHANGING)
async def call_off(id: ClassId, parts: Joined, who: Instructor) -> RoomOut:
    """The class goes on, until it would have closed before. 409 where it has ended."""
    return _room(parts.conduct.public(await parts.conduct.call_off(who.account, id)))
