"""Classes, for learners: what a code leads to, joining, where one is in, leaving."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from lab_server.errors import NotFound
from lab_server.store import classes as kept
from lab_server.store.classes import Class
from lab_server.store.members import Member
from lab_server.web.api.classes import ClassId, named
from lab_server.web.api.parts import Address, Joined, Parts, Who
from lab_server.web.joining import SEEN, UNSEEN
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import CONFLICT, Invitation, JoinIn, MembershipOut, Memberships
from lab_server.web.models_progress import TOO_MANY
from lab_server.web.recorder import asks

router = APIRouter(tags=["memberships"])
Code = Annotated[str, Path(max_length=64, description="Nine digits; blanks, hyphens and dots don't matter.")]


class Guess:
    """A code that is tried: one that is wrong counts, whatever else went wrong doesn't."""

    def __init__(self, parts: Parts, address: str) -> None:
        self._joins, self._address = parts.joins, address

    def __enter__(self) -> None:
        self._joins.take(self._address)  # before it is looked up: many at once are many

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, NotFound):
            self._joins.give_back(self._address)


def _membership(member: Member, of: Class, state: str, kept_: int) -> MembershipOut:
    recording = {"asked": asks(of.limits, state), "consented": member.consented is not None, "kept": kept_}
    told = {"id": of.id, "title": of.title, "state": state, "name": member.name, "joined": member.joined}
    return MembershipOut.model_validate(told | {"recording": recording})


@router.get("/api/join/{code}", responses=ERRORS | TOO_MANY)
async def look(code: Code, parts: Joined, who: Who, address: Address) -> Invitation:
    """What the code leads to, and what is seen of a learner there: to be read before joining."""
    with Guess(parts, address):
        found = await parts.joining.look(who.id, code)
    it = found.it
    return Invitation.model_validate(
        {
            "id": it.id,
            "title": it.title,
            "state": found.state,
            "code": kept.shown(it.code),
            "opens": it.opens,
            "closes": it.closes,
            "free": found.free,
            "lessons": [named(lesson) for lesson in found.lessons],
            "name": found.member.name if found.member else None,
            "seen": SEEN,
            "unseen": UNSEEN,
        }
    )


@router.get("/api/memberships", responses=ERRORS)
async def memberships(parts: Joined, who: Who) -> Memberships:
    """Where the learner is in, the newest first, and what is seen of them there."""
    recorded = await parts.joining.recorded(who.id)
    found = [_membership(*one, recorded.get(one[1].id, 0)) for one in await parts.joining.all(who.id)]
    return Memberships(classes=found, seen=list(SEEN), unseen=list(UNSEEN))


@router.post(
    "/api/memberships", status_code=201, responses=ERRORS | CONFLICT | TOO_MANY | {200: {"model": MembershipOut}}
)
async def join(given: JoinIn, parts: Joined, who: Who, address: Address, response: Response) -> MembershipOut:
    """Join a class by its code; 200 with the new name where the learner is in already."""
    parts.writes.take(address)
    with Guess(parts, address):
        member, of, new = await parts.joining.join(who.id, given.code, given.name)
    if not new:
        response.status_code = 200
    recorded = await parts.joining.recorded(who.id)
    return _membership(member, of, "open", recorded.get(of.id, 0))  # nothing else can be joined


@router.delete("/api/memberships/{id}", status_code=204, responses=ERRORS)
async def leave(id: ClassId, parts: Joined, who: Who) -> None:
    """Leave a class: nobody there sees anything of the learner from here on."""
    await parts.joining.leave(who.id, id)
