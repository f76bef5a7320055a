"""The audit log of a class: what those who run it did to others in it."""

from __future__ import annotations

from fastapi import APIRouter

from lab_server.web.api.classes import SEEING, ClassId
from lab_server.web.api.parts import Instructor, Joined
from lab_server.web.models_after import EntryOut

router = APIRouter(tags=["afterwards"])


@router.get("/api/classes/{id}/audit", responses=SEEING)
async def log(id: ClassId, parts: Joined, who: Instructor) -> list[EntryOut]:
    """The newest first, 1,000 at the most. Not for assistants."""
    entries, names = await parts.afterwards.log(who.account, id)
    return [
        EntryOut.model_validate(
            {
                "at": one.at,
                "account": one.account,
                "by": one.name,
                "act": one.act,
                "member": one.member,
                "name": names.get(one.member, ""),
                "detail": dict(one.detail),
            }
        )
        for one in entries
    ]
