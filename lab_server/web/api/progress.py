"""What a learner did: told when it happens, and read back."""

from __future__ import annotations

from fastapi import APIRouter

from lab_server.web.api.parts import Address, Joined, Who
from lab_server.web.models import ERRORS
from lab_server.web.models_progress import (
    TOO_MANY,
    AnswerIn,
    PredictionIn,
    PredictionOut,
    ProgressOut,
    StepIn,
    StepOut,
    Verdict,
)

router = APIRouter(prefix="/api/progress", tags=["progress"], responses=ERRORS | TOO_MANY)


@router.get("")
async def look(parts: Joined, who: Who) -> ProgressOut:
    """Every lesson of the catalogue, also those in which nothing was done."""
    return ProgressOut.model_validate(await parts.progress.all(who.id))


@router.post("/steps")
async def step(told: StepIn, parts: Joined, who: Who, address: Address) -> StepOut:
    parts.writes.take(address)
    kept = await parts.progress.step(who.id, told.lesson, told.block, told.step, told.exit, told.output)
    return StepOut.model_validate(kept)


@router.post("/predictions", status_code=201)
async def predict(told: PredictionIn, parts: Joined, who: Who, address: Address) -> PredictionOut:
    """Kept until its step runs. One that was right already stays, and is the answer."""
    parts.writes.take(address)
    kept = await parts.progress.predict(who.id, told.lesson, told.block, told.step, told.answer.strip())
    return PredictionOut.model_validate(kept)


@router.post("/answers")
async def answer(told: AnswerIn, parts: Joined, who: Who, address: Address) -> Verdict:
    parts.writes.take(address)
    return Verdict.model_validate(await parts.progress.answer(who.id, told.lesson, told.question, told.picked))
