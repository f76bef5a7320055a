"""Which build of the site is served, and what an author is told while writing (`labs serve --watch`)."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
from fastapi import APIRouter, Request

from lab_server.settings import Settings
from lab_server.web.models import SiteOut

router = APIRouter(tags=["site"])


@router.get("/api/site")
async def site(request: Request) -> SiteOut:
    return await anyio.to_thread.run_sync(_look, request.app.state.settings)


def _look(settings: Settings) -> SiteOut:
    try:
        version = str((settings.site / "index.html").stat().st_mtime_ns)
    except OSError:
        version = ""
    note = _read(settings.watch_note)
    return SiteOut(version=version, watching=note is not None, problem=note or "")


def _read(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_text())["problem"])
    except (OSError, ValueError, KeyError):
        return None
