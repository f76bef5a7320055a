"""What the API says and accepts of progress, as types: /api/openapi.json is made of these and of models.py.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab_server.web.models import Error, SandboxOut

Name = Annotated[str, Field(max_length=128)]
Count = tuple[int, int]
TOO_MANY: dict[int | str, dict[str, Any]] = {429: {"model": Error, "description": "Too many"}}


class StepIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: Name
    block: Name
    step: int = Field(ge=1, le=1000)
    exit: int | None = Field(ge=0, le=255)
    output: str = Field(description="What the terminal printed; what is over 32 KiB is not read.")


class PredictionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: Name
    block: Name
    step: int = Field(ge=1, le=1000)
    answer: str = Field(
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$",
        description="An option's id, or free text.",
    )


class AnswerIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    lesson: Name
    question: Name
    picked: list[Name] = Field(min_length=1, max_length=32, description="Ids of options.")


class CodeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64, description="Case, blanks and hyphens don't matter.")


class StepKept(BaseModel):
    matches: bool | None = Field(
        description="Whether the output is what the page promises; null where it promises none."
    )
    exit: int | None


class TaskKept(BaseModel):
    passed: Literal[True]


class PredictionOut(BaseModel):
    answer: str
    right: bool | None = Field(description="Null until the step has run.")
    holds: str = Field(description="The option that the output makes right; empty until then, and for free text.")
    why: str = Field(description="Empty until then.")


class StepOut(BaseModel):
    matches: bool | None = Field(description="Null where the page promises no output.")
    prediction: PredictionOut | None = Field(description="As it was graded by this output.")


class Judged(BaseModel):
    right: bool
    why: str


class Verdict(BaseModel):
    right: bool
    options: dict[str, Judged] = Field(description="Those picked and no others.")
    why: str = Field(description="Empty until it was answered right.")
    tries: int


class VerdictKept(Verdict):
    picked: list[str]


class Done(BaseModel):
    """[done, all]"""

    steps: Count
    tasks: Count
    questions: Count
    predictions: Count


class LessonProgress(BaseModel):
    steps: dict[str, StepKept]
    tasks: dict[str, TaskKept]
    predictions: dict[str, PredictionOut]
    questions: dict[str, VerdictKept]
    done: Done
    complete: bool
    at: float | None = Field(description="Last activity, seconds since the epoch.")


class ClassName(BaseModel):
    id: str
    title: str
    state: str = Field(description="As in /api/memberships.")


class ProgressOut(BaseModel):
    lessons: dict[str, LessonProgress]
    classes: list[ClassName] = Field(
        description="Where the learner is in, the newest first; archived ones are left out."
    )


class CodeOut(BaseModel):
    code: str
    expires: float = Field(description="Seconds since the epoch.")


class Resumed(BaseModel):
    learner: str
    merged: int = Field(description="How many records of this browser's learner were merged in.")


class CodeKept(BaseModel):
    made: float
    expires: float


class RecordKept(BaseModel):
    lesson: str
    kind: str
    item: str
    outcome: str
    detail: dict[str, Any]
    first: float
    last: float
    tries: int


class LeaseKept(BaseModel):
    """Times are seconds since the epoch; what is left, seconds at `noted`."""

    id: str
    owner: str
    lesson: str
    state: str
    since: float
    active: float
    noted: float
    idle_left: float | None
    limit_left: float | None
    extended: int
    reason: str
    ended: float | None


class RecordingKept(BaseModel):
    """The bytes are in a file, as asciicast."""

    id: str
    session: str
    begun: float
    ended: float | None
    bytes: int


class ClassKept(BaseModel):
    title: str
    member: str = Field(description="The learner's id in this class: what its audit log names them by.")
    name: str
    joined: float
    consented: float | None = Field(description="To being recorded, since.")
    recordings: list[RecordingKept]


class Export(BaseModel):
    learner: str
    made: float | None
    seen: float | None
    code: CodeKept | None
    progress: list[RecordKept]
    leases: list[LeaseKept]
    classes: list[ClassKept]
    sandbox: SandboxOut | None
