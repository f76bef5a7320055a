"""What the API says and accepts, as types: /api/openapi.json is made of these.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab_server.sandbox.contract import SANDBOX_ID

Text = Annotated[str, Field(max_length=4096)]


class ErrorBody(BaseModel):
    code: str = Field(description="Stable; those of lab_server/errors.py.")
    message: str
    remedy: str = Field(description="What the reader can do; may be empty.")


class Error(BaseModel):
    error: ErrorBody


class Health(BaseModel):
    status: Literal["ok"]


class Ready(BaseModel):
    ready: bool
    reason: str = Field(description="Why not; empty when ready.")
    driver: str


class SandboxOut(BaseModel):
    id: str
    state: Literal["starting", "ready", "failed"]
    lesson: str
    driver: str
    detail: str = Field(description="While starting: what is happening. When failed: why, and what to do.")
    since: float = Field(description="Seconds since the epoch.")
    sessions: list[str]


class SandboxIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: str = Field(max_length=128, description="A lesson's id.")


class Capabilities(BaseModel):
    limits: bool = False
    disk_quota: bool = False
    nested_engine: bool = False


class Host(BaseModel):
    driver: str
    reason: str = Field(description="Why this driver.")
    ready: bool
    detail: str = Field(description="What it is doing, or why it can't be used.")
    capabilities: Capabilities


class Me(BaseModel):
    learner: str
    sandbox: SandboxOut | None
    host: Host


class Step(BaseModel):
    n: int
    session: str
    command: str
    expect: str | None
    caption: str | None
    edit: bool
    needs: list[str]


class Block(BaseModel):
    id: str
    caption: str | None
    session: str
    steps: list[Step]


class Option(BaseModel):
    id: str
    text: str


class Question(BaseModel):
    id: str
    text: str
    multiple: bool
    options: list[Option]


class Quiz(BaseModel):
    id: str
    questions: list[Question]


class LessonOut(BaseModel):
    id: str
    title: str
    url: str
    module: str
    level: str
    minutes: int
    sessions: list[str]
    blocks: list[Block]
    quizzes: list[Quiz]


SandboxPath = Annotated[str, Field(pattern=f"^{SANDBOX_ID.pattern}$", description="A sandbox's id.")]
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text}
    for status, text in {
        400: "Bad input",
        403: "Not from a page of this server",
        404: "Not there, or not yours",
        422: "Bad input",
        503: "Not now",
    }.items()
}
