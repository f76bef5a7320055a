"""Classes, for those who run them: made, changed, looked at; who learns in one."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Sequence
from typing import Annotated, Any

import segno
from fastapi import APIRouter, Path, Response

from lab_server.lessons.catalog import Lesson
from lab_server.store import classes as kept
from lab_server.web.api.parts import Instructor, Joined, Origin
from lab_server.web.classes import Held
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import (
    CONFLICT,
    NOT_SIGNED_IN,
    ClassChange,
    ClassIn,
    ClassOut,
    Id,
    LessonName,
    Roster,
    StaffIn,
    StaffOut,
    VersionIn,
)
from lab_server.web.standings import AT_ONCE, Standing

router = APIRouter(tags=["classes"])
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
ClassId = Annotated[Id, Path(pattern="^[0-9a-f]{1,24}$", description="A class's id.")]
OtherId = Annotated[Id, Path(pattern="^[0-9a-f]{1,24}$")]  # a member's, an account's
SEEING: dict[int | str, dict[str, Any]] = ERRORS | NOT_SIGNED_IN
CHANGING: dict[int | str, dict[str, Any]] = SEEING | CONFLICT


def link(origin: str, code: str) -> str:
    """Where the class is joined."""
    return f"{origin}/join/{kept.shown(code)}"


def public(held: Held, origin: str) -> ClassOut:
    """A class as those who run it get it."""
    it = held.it
    return ClassOut.model_validate(
        {
            "id": it.id,
            "title": it.title,
            "lessons": list(it.lessons),
            "code": kept.shown(it.code),
            "link": link(origin, it.code),
            "seats": it.seats,
            "learners": held.learners,
            "opens": it.opens,
            "closes": it.closes,
            "state": held.state,
            "role": held.role,
            "made": it.made,
            "version": it.version,
            "limits": dict(it.limits),
            "staff": [StaffOut(account=one.account, name=one.name, role=one.role) for one in held.staff],
        }
    )


def named(lesson: Lesson) -> LessonName:
    return LessonName(id=lesson.id, title=lesson.title, url=lesson.url)


@router.get("/api/classes", responses=SEEING)
async def every(parts: Joined, who: Instructor, origin: Origin) -> list[ClassOut]:
    """Those that the account has a role in, an admin every one; the newest first."""
    return [public(held, origin) for held in await parts.classes.all(who.account)]


@router.post("/api/classes", status_code=201, responses=SEEING)
async def make(given: ClassIn, parts: Joined, who: Instructor, origin: Origin) -> ClassOut:
    """A class, open from `opens` on, or at once; the account is its instructor."""
    limits = given.limits.model_dump(exclude_unset=True)
    made = await parts.classes.make(
        who.account, given.title, given.lessons, given.seats, given.opens, given.closes, limits
    )
    return public(made, origin)


@router.get("/api/classes/{id}", responses=SEEING)
async def one(id: ClassId, parts: Joined, who: Instructor, origin: Origin) -> ClassOut:
    return public(await parts.classes.get(who.account, id), origin)


@router.patch("/api/classes/{id}", responses=CHANGING)
async def change(id: ClassId, given: ClassChange, parts: Joined, who: Instructor, origin: Origin) -> ClassOut:
    """What is given is changed, if the class is still at `version`. State `open` clears a time that speaks against it."""
    changes = {name: getattr(given, name) for name in given.model_fields_set - {"version"}}
    if "limits" in changes:
        changes["limits"] = given.limits.model_dump(exclude_unset=True)
    return public(await parts.classes.change(who.account, id, given.version, changes), origin)


@router.delete("/api/classes/{id}", status_code=204, responses=CHANGING)
async def delete(id: ClassId, parts: Joined, who: Instructor) -> None:
    """The class and who was in it are gone. Learners' progress is theirs, and stays."""
    await parts.classes.delete(who.account, id)


@router.post("/api/classes/{id}/code", responses=CHANGING)
async def new_code(id: ClassId, given: VersionIn, parts: Joined, who: Instructor, origin: Origin) -> ClassOut:
    """Another code; the earlier one leads nowhere from here on. Who is in stays in."""
    return public(await parts.classes.new_code(who.account, id, given.version), origin)


@router.get(
    "/api/classes/{id}/qr.svg",
    response_class=Response,
    responses=SEEING | {200: {"content": {"image/svg+xml": {}}, "description": "The link, to be photographed."}},
)
async def picture(id: ClassId, parts: Joined, who: Instructor, origin: Origin) -> Response:
    held = await parts.classes.get(who.account, id)
    drawn = io.BytesIO()
    code = segno.make(link(origin, held.it.code), error="m", micro=False)
    code.save(drawn, kind="svg", border=4, scale=8, dark="#000", light="#fff", omitsize=True, xmldecl=False)
    return Response(drawn.getvalue(), media_type="image/svg+xml")


@router.get("/api/classes/{id}/roster", response_model=Roster, responses=SEEING)
async def roster(id: ClassId, parts: Joined, who: Instructor) -> Response:
    """Who learns in the class, and how far each is in its lessons."""
    lessons, there = await parts.classes.roster(who.account, id)
    return Response(await _roster(lessons, there), media_type="application/json")


async def _roster(lessons: Sequence[Lesson], there: Sequence[Standing]) -> bytes:
    """A `Roster` as JSON, written a few learners at a time: a class of a thousand keeps nobody's terminal waiting. A model a learner
    would take ten times as long, and all of it at once."""
    head = _json([named(lesson).model_dump() for lesson in lessons])
    written = []
    for start in range(0, len(there), AT_ONCE):
        written += [_json(_learner(one)) for one in there[start : start + AT_ONCE]]
        await asyncio.sleep(0)
    return f'{{"lessons":{head},"learners":[{",".join(written)}]}}'.encode()


def _learner(one: Standing) -> dict[str, Any]:
    """A `LearnerOut`."""
    member = one.member
    parts = {id: {"done": done, "complete": complete} for id, (done, complete) in one.lessons.items()}
    hand = {"since": member.hand, "question": member.question} if member.hand is not None else None
    return {"id": member.id, "name": member.name, "joined": member.joined, "at": one.at, "lessons": parts, "hand": hand}


@router.delete("/api/classes/{id}/learners/{learner}", status_code=204, responses=SEEING)
async def remove(id: ClassId, learner: OtherId, parts: Joined, who: Instructor) -> None:
    """Take a learner out of the class. With the code they can join again; their progress stays theirs."""
    await parts.classes.remove(who.account, id, learner)


@router.post("/api/classes/{id}/staff", responses=CHANGING)
async def put_staff(id: ClassId, given: StaffIn, parts: Joined, who: Instructor, origin: Origin) -> ClassOut:
    """Give an account a role in the class, or another one."""
    return public(await parts.classes.put_staff(who.account, id, given.name, given.role), origin)


@router.delete("/api/classes/{id}/staff/{account}", status_code=204, responses=CHANGING)
async def remove_staff(id: ClassId, account: OtherId, parts: Joined, who: Instructor) -> None:
    await parts.classes.remove_staff(who.account, id, account)
