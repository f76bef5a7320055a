"""Who asks, what they have, and what this host can do."""

from __future__ import annotations

import contextlib

from fastapi import APIRouter

from lab_server.errors import SpawnerGone
from lab_server.web.api.parts import Joined, Who
from lab_server.web.models import Capabilities, Host, Me, SandboxOut

router = APIRouter(tags=["me"])


@router.get("/api/me")
async def me(parts: Joined, who: Who) -> Me:
    """Answers also while the spawner doesn't: then nobody knows of a sandbox, and `host.detail` says why."""
    info = await parts.service.info()
    lease = None
    if info["driver"]:
        with contextlib.suppress(SpawnerGone):
            lease = await parts.leases.find(who.id)
    host = Host(
        driver=str(info["driver"]),
        reason=str(info["reason"]),
        ready=info["ready"],
        detail=str(info["detail"]),
        capabilities=Capabilities.model_validate(info["capabilities"]),
    )
    sandbox = SandboxOut.model_validate(parts.public(lease)) if lease else None
    return Me(learner=who.id, sandbox=sandbox, host=host)
