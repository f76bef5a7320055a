"""What a class did, as a file to download."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from lab_server.web.api.classes import SEEING, ClassId
from lab_server.web.api.parts import Instructor, Joined, Origin, Parts
from lab_server.web.models_after import What
from lab_server.web.signin import SignedIn

router = APIRouter(tags=["afterwards"])


def _file(media: str) -> dict[int | str, dict[str, Any]]:
    return SEEING | {200: {"content": {media: {}}, "description": "A file, a few learners at a time."}}


async def _export(parts: Parts, who: SignedIn, id: str, form: str, origin: str, name: str) -> StreamingResponse:
    made, text = await parts.afterwards.export(who.account, id, form, origin)
    headers = {"Content-Disposition": f'attachment; filename="class-{id}-{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(text, media_type=made.media, headers=headers)


@router.get("/api/classes/{id}/export.csv", response_class=StreamingResponse, responses=_file("text/csv"))
async def as_csv(
    id: ClassId,
    parts: Joined,
    who: Instructor,
    origin: Origin,
    what: Annotated[What, Query(description="A row a learner, or a row an answered question.")] = "learners",
) -> StreamingResponse:
    """For a spreadsheet (RFC 4180): a row a learner, or with `what=questions` a row for each question a learner answered."""
    return await _export(parts, who, id, f"{what}.csv", origin, f"{what}.csv")


@router.get("/api/classes/{id}/export.json", response_class=StreamingResponse, responses=_file("application/json"))
async def as_json(id: ClassId, parts: Joined, who: Instructor, origin: Origin) -> StreamingResponse:
    """Everything that the other two have."""
    return await _export(parts, who, id, "json", origin, "learners.json")


@router.get("/api/classes/{id}/export.xapi.json", response_class=StreamingResponse, responses=_file("application/json"))
async def as_xapi(id: ClassId, parts: Joined, who: Instructor, origin: Origin) -> StreamingResponse:
    """xAPI 1.0.3 statements, for a learning record store."""
    return await _export(parts, who, id, "xapi.json", origin, "xapi.json")
