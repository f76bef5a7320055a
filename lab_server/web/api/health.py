"""Whether the server lives, and whether a sandbox can be had."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lab_server.web.api.parts import Joined
from lab_server.web.models import Health, Ready

router = APIRouter(tags=["health"])


@router.get("/healthz")
async def healthz() -> Health:
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Ready, "description": "No sandbox can be had now"}})
async def readyz(parts: Joined, response: Response) -> Ready:
    info = await parts.service.info()
    if not info["ready"]:
        response.status_code = 503
    reason = "" if info["ready"] else str(info["detail"]) or "The spawner is starting."
    return Ready(ready=info["ready"], reason=reason, driver=str(info["driver"]))
