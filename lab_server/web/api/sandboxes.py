"""A learner's sandbox: start, look, reset, extend, end."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from lab_server.web.api.parts import Joined, Who
from lab_server.web.models import ERRORS, Error, SandboxIn, SandboxOut, SandboxPath

AT_ONCE = 0.2  # seconds
router = APIRouter(prefix="/api/sandboxes", tags=["sandboxes"], responses=ERRORS)


@router.post("", status_code=201, responses={200: {"model": SandboxOut, "description": "The one there is"}})
async def start(wanted: SandboxIn, parts: Joined, who: Who, response: Response) -> SandboxOut:
    """Idempotent: a learner has one sandbox, whatever the lesson. It starts in the background: ask again for its state."""
    lease, new = await parts.leases.start(who.id, wanted.lesson)
    if new and lease.work:  # one that is ready at once is told so at once: no second call, no wait between
        await asyncio.wait({lease.work}, timeout=AT_ONCE)
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


@router.post("/{id}/extend", responses={409: {"model": Error, "description": "It is not ready, or can't be put off"}})
async def extend(id: SandboxPath, parts: Joined, who: Who) -> SandboxOut:
    """Put the sandbox's coming end off: what nobody used is used again, what was limited gets more time."""
    lease = await parts.leases.extend(who.id, id)
    parts.keeper.notice(lease)
    return SandboxOut.model_validate(parts.public(lease))
