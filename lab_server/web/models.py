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


class SiteOut(BaseModel):
    version: str = Field(description="Another one means another build of the site.")
    watching: bool = Field(description="An author is writing: the site is built anew whenever a page changes.")
    problem: str = Field(description="Why the site can't be built as it is written now; empty where it can.")


class SandboxOut(BaseModel):
    id: str
    state: Literal["starting", "ready", "failed", "ended"]
    lesson: str
    driver: str
    detail: str = Field(description="While starting: what is happening. When failed or ended: why, and what to do.")
    since: float = Field(description="Seconds since the epoch.")
    place: int | None = Field(None, description="In the line of those who wait for a sandbox, from 1; null: not in it.")
    wait: float | None = Field(
        None, description="About how many seconds until it is ready; null where nobody can tell."
    )
    sessions: list[str]
    ends_in: float | None = Field(description="Seconds until it ends, as things are now; null: it has no end.")
    ends_why: Literal["", "idle", "limit"] = Field(description="Why it will end: nobody uses it, or its time is up.")
    extendable: bool = Field(description="Whether that end can be put off.")
    extension: float = Field(description="Seconds that putting it off adds to the limit; 0 where no limit ends it.")


class SandboxIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: str = Field(max_length=128, description="A lesson's id.")


class CheckIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: str = Field(max_length=128, description="A lesson's id.")
    tasks: list[Annotated[str, Field(max_length=64)]] = Field(min_length=1, max_length=16)
    auto: bool = Field(False, description="The page asks by itself: that is no use of the sandbox.")


class TaskChecked(BaseModel):
    task: str
    passed: bool
    hint: str = Field(description="What is missing; empty where it is passed. Text, not HTML.")


class CheckOut(BaseModel):
    tasks: list[TaskChecked]


class HintIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: str = Field(max_length=128, description="A lesson's id.")
    task: str = Field(max_length=64)


class HintOut(BaseModel):
    task: str
    hint: str = Field(description="Text, not HTML.")


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


class Option(BaseModel):
    id: str
    text: str


class PredictionAsked(BaseModel):
    question: str
    options: list[Option] = Field(description="None: the answer is free text.")


class Step(BaseModel):
    n: int
    session: str
    command: str
    expect: str | None
    caption: str | None
    edit: bool
    needs: list[str]
    predict: PredictionAsked | None


class Block(BaseModel):
    id: str
    caption: str | None
    session: str
    steps: list[Step]


class Question(BaseModel):
    id: str
    text: str
    multiple: bool
    options: list[Option]


class Quiz(BaseModel):
    id: str
    questions: list[Question]


class TaskOut(BaseModel):
    name: str
    title: str
    needs: list[str]


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
    tasks: list[TaskOut]


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
