"""The lessons with their blocks, steps and quizzes; no answers."""

from __future__ import annotations

from fastapi import APIRouter

from lab_server.web.api.parts import Joined
from lab_server.web.models import LessonOut

router = APIRouter(tags=["lessons"])


@router.get("/api/lessons")
async def lessons(parts: Joined) -> list[LessonOut]:
    return [LessonOut.model_validate(lesson) for lesson in parts.catalog.public()]
