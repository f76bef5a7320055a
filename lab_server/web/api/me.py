"""Who asks, what they have, and what this host can do; what is kept of them: taken away, deleted, carried to another device."""

from __future__ import annotations

import contextlib

import structlog
from fastapi import APIRouter, Response

from lab_server.errors import LabError, NotFound, SpawnerGone
from lab_server.web.api.parts import Address, Become, Joined, Parts, Who
from lab_server.web.models import ERRORS, Capabilities, Host, Me, SandboxOut
from lab_server.web.models_progress import TOO_MANY, CodeIn, CodeOut, Export, Resumed

log = structlog.get_logger()
router = APIRouter(tags=["me"])


@router.get("/api/me")
async def me(parts: Joined, who: Who) -> Me:
    """Answers also while the spawner doesn't: then nobody knows of a sandbox, and `host.detail` says why."""
    info = await parts.service.info()
    sandbox = await _sandbox(parts, who.id)
    host = Host(
        driver=str(info["driver"]),
        reason=str(info["reason"]),
        ready=info["ready"],
        detail=str(info["detail"]),
        capabilities=Capabilities.model_validate(info["capabilities"]),
    )
    return Me(learner=who.id, sandbox=sandbox, host=host)


@router.get("/api/me/export", responses=ERRORS)
async def export(parts: Joined, who: Who, response: Response) -> Export:
    """Everything kept about the learner, as a file."""
    kept = await parts.progress.export(who.id)
    response.headers["Content-Disposition"] = 'attachment; filename="progress.json"'
    return Export.model_validate(kept | {"sandbox": await _sandbox(parts, who.id)})


@router.delete("/api/me", status_code=204, responses=ERRORS)
async def forget(parts: Joined, who: Who, become: Become) -> None:
    """Everything kept about the learner is gone, the sandbox too. This browser is a new learner's from here on."""
    await parts.keeper.forget(who.id)
    await parts.afterwards.forget(who.id)
    await parts.progress.forget(who.id)
    parts.retention.soon()
    await _end_sandbox(parts, who.id)
    become("")


@router.post("/api/me/code", status_code=201, responses=ERRORS | TOO_MANY)
async def make_code(parts: Joined, who: Who, address: Address) -> CodeOut:
    """A code by which another browser becomes this learner's, for 30 days. An earlier one is void."""
    parts.writes.take(address)
    code = await parts.progress.code(who.id)
    return CodeOut(code=code.text, expires=code.expires)


@router.post("/api/me/resume", responses=ERRORS | TOO_MANY)
async def resume(given: CodeIn, parts: Joined, who: Who, address: Address, become: Become) -> Resumed:
    """This browser is that learner's from here on; what it had done as another is merged in, and that one is gone."""
    parts.codes.take(address)  # before it is looked up: many at once are many
    try:
        owner, merged = await parts.progress.resume(who.id, given.code)
    except NotFound:
        raise
    except LabError:
        parts.codes.give_back(address)
        raise
    parts.codes.give_back(address)
    if owner != who.id:
        parts.retention.soon()
        await parts.keeper.forget(who.id)
        become(owner)
        try:
            await _end_sandbox(parts, who.id)
        except LabError as why:  # nobody can reach it any more: it goes with the host's next start
            log.warning("a sandbox was left over", learner=who.id, why=str(why))
    return Resumed(learner=owner, merged=merged)


async def _sandbox(parts: Parts, learner: str) -> SandboxOut | None:
    """The learner's; None also while the spawner doesn't answer."""
    if (await parts.service.info())["driver"]:
        with contextlib.suppress(SpawnerGone):
            if lease := await parts.leases.find(learner):
                return SandboxOut.model_validate(parts.public(lease))
    return None


async def _end_sandbox(parts: Parts, learner: str) -> None:
    lease = await parts.leases.find(learner)
    if lease:
        with contextlib.suppress(NotFound):  # it ended meanwhile
            await parts.leases.end(learner, lease.id)
