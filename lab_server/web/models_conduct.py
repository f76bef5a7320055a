"""What the API says and accepts of the control of a class's room, as types: /api/openapi.json is made of these and of models.py.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from lab_server.web.applies import LONGEST
from lab_server.web.models_classes import State

Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False, strict=True)]  # strict: true is not 1


class MessageIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=LONGEST, description="Plain text. Addresses in it become links on the page.")


class HereIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: str = Field(max_length=128)
    step: str = Field("", max_length=160, description="`block/2`, a task's name, or nothing: the lesson as a whole.")


class EndIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: Seconds


class PresentIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    session: str = Field(max_length=64, description="A terminal of this browser's own sandbox that is open.")


class MessageOut(BaseModel):
    text: str
    by: str
    at: float = Field(description="Seconds since the epoch.")


class HereOut(BaseModel):
    lesson: str
    step: str
    title: str = Field(description="The lesson's.")
    part: str = Field(description="The step in words; empty: the lesson as a whole.")
    url: str
    by: str
    at: float


class By(BaseModel):
    by: str = Field(description="Who did it: an account's name.")
    at: float = Field(description="When, in seconds since the epoch.")


class PresentOut(By):
    session: str = Field(description="Which of their terminals.")


class OpenOut(BaseModel):
    """Terminals of this browser's own sandbox that could be presented."""

    sessions: list[str]


class RoomOut(BaseModel):
    """What holds for everybody in a class now."""

    title: str
    state: State
    message: MessageOut | None
    here: HereOut | None
    paused: By | None
    closes_in: float | None = Field(description="Seconds until it closes, where its learners are told.")
    ending: By | None = Field(description="It was ended with a countdown: sandboxes end with it.")
    present: PresentOut | None = Field(description="A terminal that everybody is shown.")


class ExtendedOut(BaseModel):
    extended: int = Field(description="Sandboxes whose end was put off.")
    sandboxes: int = Field(description="Those that are ready. Who is not in `extended` has no end that could come.")
    seconds: float = Field(description="What each has more, at the most.")
