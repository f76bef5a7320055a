"""Every setting, once: read from the environment at the start, checked, passed in from there on.

Knows names, types and defaults; `help` of each is what `labs serve --help` and the documentation say.
Doesn't know what is done with them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lab_server.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """One field a setting; `LABS_PORT` sets `port`."""

    model_config = SettingsConfigDict(env_prefix="LABS_", env_ignore_empty=True, frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on. 0.0.0.0 is every address of this machine.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    driver: str = Field("auto", description="What sandboxes are made with: auto, crun, vm or docker.")
    data: Path = Field(ROOT / ".labs", description="Folder for everything that is built and kept.")
    database: str = Field(
        "auto",
        repr=False,
        description="Where progress is kept: sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME, or auto for a file in the data folder.",
    )
    origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses that learners open, where they are not the one listened on: https://course.example.org. "
        "Several are separated by commas.",
    )
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, by commas.",
    )
    web_user: str = Field(
        "auto",
        description="User that the web server becomes when started as root, and that may ask the spawner: a name, a number, "
        "or auto for an unused number.",
    )
    sandboxes: int = Field(500, ge=1, le=5000, description="How many sandboxes this host has at once at the most.")
    warm: int = Field(
        8,
        ge=0,
        le=200,
        description="How many sandboxes are kept ready, at the most, before anybody wants them; 0 keeps none.",
    )
    sockets: int = Field(32, ge=1, le=1000, description="How many terminals one learner can have open at once.")
    address_sockets: int = Field(
        2048,
        ge=1,
        le=100000,
        description="How many terminals and channels of classes can be open at once from one network address.",
    )
    memory: int = Field(768, ge=64, description="Memory of one sandbox, in MiB.")
    cpus: float = Field(1.0, gt=0, le=256, description="Processor cores one sandbox may use.")
    pids: int = Field(512, ge=32, description="Processes one sandbox may have.")
    disk: int = Field(1024, ge=64, description="Disk space of one sandbox, in MiB.")
    idle: float = Field(
        120, ge=0, le=525600, description="Minutes without a keystroke after which a sandbox ends; 0 is never."
    )
    limit: float = Field(480, ge=0, le=525600, description="Minutes after which a sandbox ends; 0 is never.")
    extension: float = Field(
        60, ge=0, le=525600, description="Minutes that a learner can add when the limit is near; 0 is none."
    )
    extensions: int = Field(8, ge=0, le=1000, description="How often a learner can do so.")
    recordings_days: float = Field(
        30, gt=0, le=3650, description="Days that a recording of a terminal is kept, from its beginning."
    )
    recordings_mib: int = Field(
        4096, ge=0, le=1 << 24, description="Disk space of all recordings together, in MiB; 0 records nothing."
    )
    recording_mib: int = Field(16, ge=1, le=1024, description="How large one recording becomes at the most, in MiB.")
    audit_days: float = Field(365, gt=0, le=36500, description="Days that an entry of the audit log is kept.")
    metrics: str = Field(
        "loopback",
        repr=False,
        description="Who may read /metrics: loopback (this machine, not through a proxy), off, or a token of 16 characters or more "
        "that is to be sent as Authorization: Bearer.",
    )
    oidc_issuer: str = Field(
        "",
        description="Address of the OpenID Connect provider with which instructors can sign in, as its metadata has it: "
        "https://login.example.org/realms/staff. Empty is none.",
    )
    oidc_client: str = Field("", validate_default=True, description="Name of this course at the provider (client id).")
    oidc_secret: str = Field(
        "",
        repr=False,
        validate_default=True,
        description="What the course shows the provider that it is that (client secret).",
    )
    oidc_name: str = Field(
        "",
        max_length=40,
        description="What the button to sign in says after “Sign in with”; the provider's host where empty.",
    )
    log: Literal["console", "json"] = Field("console", description="How log lines are written: console or json.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="Least severe log line that is written: debug, info, warning or error."
    )

    @field_validator("origins", "proxies", mode="before")
    @classmethod
    def _commas(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            parts = urlsplit(origin)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.path not in ("", "/") or parts.query:
                raise ValueError(f"{origin!r} is no origin such as https://course.example.org")
        return tuple(origin.rstrip("/").lower() for origin in value)

    @field_validator("database")
    @classmethod
    def _database(cls, value: str) -> str:
        if value != "auto" and value.partition("://")[0].partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
            raise ValueError("it is auto, sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
        return value

    @field_validator("metrics")
    @classmethod
    def _metrics(cls, value: str) -> str:
        if value not in ("loopback", "off") and not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,256}=*", value):
            raise ValueError("it is loopback, off, or a token: 16 letters and digits or more")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        parts = urlsplit(value)
        local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
        if value and not (
            parts.netloc and (parts.scheme == "https" or local) and not parts.query and not parts.fragment
        ):
            raise ValueError("it is an address such as https://login.example.org, and begins with https")
        return value

    @field_validator("oidc_client", "oidc_secret")
    @classmethod
    def _beside_issuer(cls, value: str, info: ValidationInfo) -> str:
        if bool(value) != bool(info.data.get("oidc_issuer")) and "oidc_issuer" in info.data:
            raise ValueError(
                "LABS_OIDC_ISSUER is missing beside it" if value else "it is missing beside LABS_OIDC_ISSUER"
            )
        return value

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def site(self) -> Path:
        """The built site."""
        return self.data / "site"

    @property
    def web_data(self) -> Path:
        """What the web server keeps; its own user's, and nobody else's."""
        return self.data / "web"

    @property
    def recordings(self) -> Path:
        """What was recorded of terminals."""
        return self.web_data / "recordings"

    @property
    def database_url(self) -> str:
        """The database's address, which may have a password in it."""
        return f"sqlite:///{self.web_data / 'course.sqlite3'}" if self.database == "auto" else self.database

    @property
    def socket(self) -> Path:
        """Where the spawner listens."""
        return self.data / "run" / "spawner.sock"

    @property
    def watch_note(self) -> Path:
        """JSON that is there while an author's changes are watched: {"problem": words, or ""}."""
        return self.data / "run" / "watch.json"

    @property
    def terms(self) -> dict[str, Any]:
        """How long a sandbox lasts, in seconds."""
        minutes = {"idle": self.idle, "limit": self.limit, "extension": self.extension}
        return {name: 60 * value for name, value in minutes.items()} | {"extensions": self.extensions}

    @property
    def template(self) -> dict[str, Any]:
        """The `default` template, as the spawner reads it."""
        mib = 1 << 20
        limits = {"memory": self.memory * mib, "cpus": self.cpus, "pids": self.pids, "disk": self.disk * mib}
        return {"limits": limits}


def load(**given: Any) -> Settings:
    """The settings: those given that are not None, then the environment, then the defaults. Raises BadInput naming one."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as why:
        first = why.errors()[0]
        name = f"LABS_{str(first['loc'][0]).upper()}" if first["loc"] else "a setting"
        message = str(first["msg"]).removeprefix("Value error, ").partition(", unable")[0].replace("Input", "it", 1)
        raise BadInput(f"The setting {name} can't be used: {message}.", "`labs serve --help` lists them.") from None
