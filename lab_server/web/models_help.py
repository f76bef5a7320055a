"""What the API says and accepts of help, as types: raised hands, watching, typing together.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lab_server.web.models_classes import HandOut


class HandIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    question: str = Field(default="", max_length=1120, description="At most 280 characters, on one line; may be empty.")


class AnswerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    allow: bool
    by: str | None = Field(
        default=None, max_length=160, description="Who asks, as it was read: 409 where it isn't they."
    )


class TypingOut(BaseModel):
    by: str
    state: Literal["asked", "granted"]


class TypingMine(TypingOut):
    mine: bool = Field(description="It is the asking account's.")


class Place(BaseModel):
    title: str
    url: str
    step: str


class LearnerNow(BaseModel):
    """A learner at this moment, for who may help them."""

    id: str
    name: str
    online: bool = Field(description="Has a page open.")
    place: Place | None = Field(description="Where that page is.")
    sandbox: Literal["", "starting", "ready", "failed", "ended"]
    sessions: list[str] = Field(description="Terminals that are open: those can be watched.")
    hand: HandOut | None
    watchers: list[str]
    typing: TypingMine | None
