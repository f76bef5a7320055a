"""Failures → JSON with a fitting status, at one edge. Nothing else in web knows status codes of failures.

Knows errors.py and what the framework raises. Doesn't know what was asked. A traceback goes to the log, never to a person.
"""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from lab_server.errors import (
    BadInput,
    BuildFailed,
    Conflict,
    DriverUnavailable,
    HostFull,
    LabError,
    Missing,
    NotFound,
    NotSignedIn,
    Refused,
    SandboxFailed,
    SpawnerGone,
    StoreFailed,
)

log = structlog.get_logger()


class TooMany(Refused):
    """More than one learner, or one address, may have at once."""


class Unfit(BadInput):
    """A field that was understood and can't be, told to who filled it in."""


class Stopped(Refused):
    """A provider signed nobody in. `key` is what the page says it by."""

    def __init__(self, key: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.key = key


STATUS: dict[type[LabError], int] = {
    TooMany: 429,
    Stopped: 503,
    Unfit: 422,
    NotSignedIn: 401,
    BadInput: 400,
    NotFound: 404,
    Refused: 403,
    Conflict: 409,
    Missing: 503,
    HostFull: 503,
    DriverUnavailable: 503,
    SandboxFailed: 503,
    SpawnerGone: 503,
    StoreFailed: 503,
    BuildFailed: 500,
}
RETRY_LATER = {429, 503}
SOON, LATER = "2", "30"  # seconds; a place becomes free when somebody leaves


def answer(error: LabError, status: int | None = None) -> JSONResponse:
    """The error as the API gives it."""
    if status is None:
        status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)
    body = {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    headers = {"Cache-Control": "no-store"} | (
        {"Retry-After": LATER if isinstance(error, HostFull) else SOON} if status in RETRY_LATER else {}
    )
    return JSONResponse(body, status, headers)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in ("body", "query", "path", "header")) or "the body"


def _invalid(_: Request, why: Exception) -> JSONResponse:
    assert isinstance(why, RequestValidationError)
    first = why.errors()[0]
    message = f"{_where(tuple(first['loc']))}: {first['msg']}."
    return answer(BadInput(message, "docs/develop/protocol.md and /api/openapi.json say what is expected."), 422)


def _http(_: Request, why: Exception) -> JSONResponse:
    assert isinstance(why, HTTPException)
    kind = NotFound if why.status_code == 404 else BadInput if why.status_code < 500 else LabError
    phrase = HTTPStatus(why.status_code).phrase
    found = answer(kind(f"{phrase}."), why.status_code)
    found.headers.update(why.headers or {})
    return found


def _lab(_: Request, why: Exception) -> JSONResponse:
    assert isinstance(why, LabError)
    if isinstance(why, StoreFailed):  # which database, and what ails it, is for whoever runs the server
        log.error("progress can't be kept", why=str(why))
        why = StoreFailed("Progress can't be kept at the moment.", "Lessons and terminals go on; try again in a while.")
    return answer(why)


def install(app: FastAPI) -> None:
    app.add_exception_handler(LabError, _lab)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def broken(why: Exception, path: str) -> JSONResponse:
    """What nobody foresaw: logged, and told without its insides."""
    log.error("request failed", path=path, exc_info=why)
    return answer(LabError("The server broke while it answered.", "Try again; its log says more."))
