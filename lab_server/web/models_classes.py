"""What the API says and accepts of classes and of signing in, as types: /api/openapi.json is made of these and of models.py.

Knows docs/develop/protocol.md. Doesn't know where any of it comes from.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lab_server.store.staff import Role
from lab_server.web.models import Error
from lab_server.web.models_progress import Done

Id = Annotated[str, Field(max_length=24)]
Time = Annotated[float, Field(ge=0, le=32_503_680_000, allow_inf_nan=False, description="Seconds since the epoch.")]
Title = Annotated[
    str, Field(min_length=1, max_length=320, description="At most 80 characters, none of them invisible.")
]
Lessons = Annotated[
    list[Annotated[str, Field(max_length=128)]], Field(max_length=200, description="Ids; none: the course.")
]
SeatCount = Annotated[int, Field(ge=1, le=1000)]
State = Literal["planned", "open", "closed", "archived"]
NOT_SIGNED_IN: dict[int | str, dict[str, Any]] = {401: {"model": Error, "description": "Not signed in"}}
CONFLICT: dict[int | str, dict[str, Any]] = {409: {"model": Error, "description": "Clashes with what is there now"}}


class SigninIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=160)
    password: str = Field(min_length=1, max_length=256)


class PasswordIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    password: str = Field(min_length=1, max_length=256, description="The one that holds now.")
    new: str = Field(min_length=1, max_length=256)


class PasskeyIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=160, description="What its owner calls it.")
    credential: dict[str, Any] = Field(description="What the browser made, as PublicKeyCredential.toJSON() has it.")


class PasskeySigninIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    credential: dict[str, Any] = Field(description="What the browser signed, as PublicKeyCredential.toJSON() has it.")


class PasskeyOut(BaseModel):
    id: str
    name: str
    made: float = Field(description="Seconds since the epoch.")
    used: float | None = Field(description="When it last signed somebody in.")


class WayOut(BaseModel):
    to: str = Field(description="The provider's address, for the browser to go to.")


class IdentityOut(BaseModel):
    id: str
    email: str = Field(description="As the provider told it.")
    made: float = Field(description="Seconds since the epoch.")
    used: float | None = Field(description="When it last signed somebody in.")


class AccountOut(BaseModel):
    id: str
    name: str
    admin: bool


class SigninOut(BaseModel):
    account: AccountOut | None = Field(description="Who is signed in in this browser.")
    possible: bool = Field(description="False: there is no account yet.")
    provider: str | None = Field(description="Name of the provider that one can sign in with, where there is one.")


class SigninKept(BaseModel):
    id: str
    agent: str = Field(description="What the browser calls itself.")
    made: float
    seen: float = Field(description="Noted every five minutes.")
    expires: float = Field(description="If nothing is done any more.")
    here: bool = Field(description="It is this browser's.")


Minutes = Annotated[int, Field(ge=10, le=525_600)]
Often = Annotated[int, Field(ge=0, le=1000)]
OWN = "Null: as everywhere on this host."


class LimitsIn(BaseModel):
    """What the sandboxes of a class's learners may, while it is open. What is left out stays; nothing goes beyond the host's settings."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[Minutes | None, Field(description=f"Minutes after which a sandbox ends. {OWN}")] = None
    idle: Annotated[Minutes | None, Field(description=f"Minutes after which one that nobody uses ends. {OWN}")] = None
    extensions: Annotated[Often | None, Field(description=f"How often a learner can put the limit off. {OWN}")] = None
    record: Annotated[
        bool, Field(description="Learners are asked for a recording of what their terminals print; each may say no.")
    ] = False


class LimitsOut(BaseModel):
    limit: int | None = None
    idle: int | None = None
    extensions: int | None = None
    record: bool = False


class ClassIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Title
    lessons: Lessons = []
    seats: SeatCount = 30
    opens: Time | None = None
    closes: Time | None = None
    limits: LimitsIn = LimitsIn()


class ClassChange(BaseModel):
    """What is left out stays."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1, description="Of the class as it was seen: 409 where it was changed since.")
    title: Title = ""
    lessons: Lessons = []
    seats: SeatCount = 30
    opens: Time | None = None
    closes: Time | None = None
    state: Literal["open", "closed", "archived"] = "open"
    limits: LimitsIn = LimitsIn()


class VersionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1)


class StaffIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=160, description="An account's.")
    role: Role


class StaffOut(BaseModel):
    account: str
    name: str
    role: Role


class ClassOut(BaseModel):
    id: str
    title: str
    lessons: list[str] = Field(description="Ids; none: the whole course.")
    code: str
    link: str
    seats: int
    learners: int
    opens: float | None
    closes: float | None
    state: State
    role: Literal["admin", "instructor", "assistant"] = Field(description="The asking account's.")
    made: float
    version: int
    limits: LimitsOut
    staff: list[StaffOut]


class Part(BaseModel):
    done: Done
    complete: bool


class HandOut(BaseModel):
    since: float = Field(description="Seconds since the epoch.")
    question: str


class LearnerOut(BaseModel):
    id: str = Field(description="In this class: it tells nothing of the learner elsewhere.")
    name: str
    joined: float
    at: float | None = Field(description="Last activity in the class's lessons, seconds since the epoch.")
    lessons: dict[str, Part]
    hand: HandOut | None = Field(description="Where it is raised.")


class LessonName(BaseModel):
    id: str
    title: str
    url: str


class Roster(BaseModel):
    lessons: list[LessonName]
    learners: list[LearnerOut] = Field(description="In the order in which they joined.")


class Privacy(BaseModel):
    seen: list[str] = Field(description="What those who run a class can see of a learner.")
    unseen: list[str]


class RecordingAsked(BaseModel):
    asked: bool = Field(description="Whether the class asks for recordings now.")
    consented: bool
    kept: int = Field(description="How many recordings of the learner there are.")


class MembershipOut(BaseModel):
    id: str = Field(description="The class's.")
    title: str
    state: State
    name: str = Field(description="The learner's, in this class.")
    joined: float
    recording: RecordingAsked


class Memberships(Privacy):
    classes: list[MembershipOut]


class Invitation(Privacy):
    id: str = Field(description="The class's.")
    title: str
    state: State
    code: str
    opens: float | None
    closes: float | None
    free: int = Field(description="Seats left.")
    lessons: list[LessonName]
    name: str | None = Field(description="The learner's, where they are in already.")


class JoinIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(max_length=64, description="Blanks, hyphens and dots don't matter.")
    name: str = Field(max_length=160, description="1 to 40 characters, none of them invisible.")
