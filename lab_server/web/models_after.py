"""What the API says and accepts of a class afterwards, as types: recordings and the audit log.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

What = Literal["learners", "questions"]
Act = Literal["watched", "typed", "reset", "removed", "deleted", "paused", "ended", "exported", "played"]


class RecordingOut(BaseModel):
    id: str
    member: str = Field(description="Whose, by the member's id.")
    name: str = Field(description="The learner's, in this class.")
    session: str
    begun: float = Field(description="Seconds since the epoch.")
    ended: float | None = Field(description="Null while it goes on.")
    bytes: int


class EntryOut(BaseModel):
    at: float = Field(description="Seconds since the epoch.")
    account: str
    by: str = Field(description="The account's name then.")
    act: Act
    member: str = Field(description="Whom it was about, by the member's id; empty: the class.")
    name: str = Field(description="Their name in the class, while they are in it; else empty.")
    detail: dict[str, Any]
