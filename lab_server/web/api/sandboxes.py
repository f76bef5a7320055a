"""A learner's sandbox: start, look, reset, end."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lab_server.web.api.parts import Joined, Who
from lab_server.web.models import ERRORS, SandboxIn, SandboxOut, SandboxPath

router = APIRouter(prefix="/api/sandboxes", tags=["sandboxes"], responses=ERRORS)


@router.post("", status_code=201, responses={200: {"model": SandboxOut, "description": "The one there is"}})
async def start(wanted: SandboxIn, parts: Joined, who: Who, response: Response) -> SandboxOut:
    """Idempotent: a learner has one sandbox, whatever the lesson. It starts in the background: ask again for its state."""
    lease, new = await parts.leases.start(who.id, wanted.lesson)
    if not new:
        response.status_code = 200
    return SandboxOut.model_validate(parts.public(lease))


@router.get("/{id}")
async def look(id: SandboxPath, parts: Joined, who: Who) -> SandboxOut:
    return SandboxOut.model_validate(parts.public(await parts.leases.get(who.id, id)))


@router.delete("/{id}", status_code=204)
async def end(id: SandboxPath, parts: Joined, who: Who) -> None:
    await parts.leases.end(who.id, id)


@router.post("/{id}/reset")
async def reset(id: SandboxPath, parts: Joined, who: Who) -> SandboxOut:
    return SandboxOut.model_validate(parts.public(await parts.leases.reset(who.id, id)))
