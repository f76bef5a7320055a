"""Recordings of terminals: for those who run the class, and what a learner decides about theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse

from lab_server.web.afterwards import Recorded
from lab_server.web.api.classes import SEEING, ClassId
from lab_server.web.api.parts import Address, Instructor, Joined, Who
from lab_server.web.models import ERRORS
from lab_server.web.models_after import RecordingOut
from lab_server.web.models_classes import CONFLICT
from lab_server.web.models_progress import TOO_MANY

router = APIRouter(tags=["afterwards"])
MEDIA = "application/x-asciicast"
CAST: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA: {}}, "description": "asciicast v2, as far as it goes now."}
}
RecordingId = Annotated[str, Path(pattern="^[0-9a-f]{24}$", description="A recording's id.")]


def _public(one: Recorded) -> RecordingOut:
    it = one.it
    return RecordingOut(
        id=it.id,
        member=it.member,
        name=one.name,
        session=it.session,
        begun=it.begun,
        ended=it.ended,
        bytes=it.bytes,
    )


def _cast(recording: str, bytes_: AsyncIterator[bytes]) -> StreamingResponse:
    headers = {"Content-Disposition": f'inline; filename="{recording}.cast"', "Cache-Control": "no-store"}
    return StreamingResponse(bytes_, media_type=MEDIA, headers=headers)


@router.get("/api/classes/{id}/recordings", responses=SEEING)
async def every(id: ClassId, parts: Joined, who: Instructor) -> list[RecordingOut]:
    """The newest first, 1,000 at the most."""
    return [_public(one) for one in await parts.afterwards.recordings(who.account, id)]


@router.get(
    "/api/classes/{id}/recordings/{recording}.cast",
    response_class=StreamingResponse,
    responses=SEEING | CAST,
)
async def play(id: ClassId, recording: RecordingId, parts: Joined, who: Instructor) -> StreamingResponse:
    """The recording. That it was looked at is in the audit log."""
    return _cast(recording, await parts.afterwards.play(who.account, id, recording))


@router.delete("/api/classes/{id}/recordings/{recording}", status_code=204, responses=SEEING)
async def delete(id: ClassId, recording: RecordingId, parts: Joined, who: Instructor) -> None:
    """It is gone. Not for assistants."""
    await parts.afterwards.delete(who.account, id, recording)


@router.put(
    "/api/memberships/{id}/recording", status_code=204, responses=ERRORS | CONFLICT | TOO_MANY, tags=["memberships"]
)
async def agree(id: ClassId, parts: Joined, who: Who, address: Address) -> None:
    """The learner agrees to what their terminals print being recorded for this class, which asks for it."""
    parts.writes.take(address)
    await parts.afterwards.consent(who.id, id, True)


@router.delete("/api/memberships/{id}/recording", status_code=204, responses=ERRORS, tags=["memberships"])
async def withdraw(id: ClassId, parts: Joined, who: Who) -> None:
    """The learner takes that back: what is recorded ends at once. What they had agreed to stays."""
    await parts.afterwards.consent(who.id, id, False)


@router.get("/api/memberships/{id}/recordings", responses=ERRORS, tags=["memberships"])
async def mine(id: ClassId, parts: Joined, who: Who) -> list[RecordingOut]:
    """The learner's own in this class, the newest first."""
    return [_public(one) for one in await parts.afterwards.mine(who.id, id)]


@router.get(
    "/api/memberships/{id}/recordings/{recording}.cast",
    response_class=StreamingResponse,
    responses=ERRORS | CAST,
    tags=["memberships"],
)
async def play_mine(id: ClassId, recording: RecordingId, parts: Joined, who: Who) -> StreamingResponse:
    """A recording of the learner's own."""
    return _cast(recording, await parts.afterwards.play_mine(who.id, id, recording))


@router.delete("/api/memberships/{id}/recordings", status_code=204, responses=ERRORS, tags=["memberships"])
async def forget(id: ClassId, parts: Joined, who: Who) -> None:
    """The learner's recordings in this class are gone. Whether they agree to more stays as it is."""
    await parts.afterwards.forget(who.id, id)
