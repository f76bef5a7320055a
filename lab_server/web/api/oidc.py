"""Signing in with the organisation's provider: out to it, back from it, and what an account is connected with there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from starlette.responses import RedirectResponse

from lab_server.errors import NotFound
from lab_server.web.api.parts import Address, Instructor, Joined, Origin, Parts, Token
from lab_server.web.faults import Stopped, TooMany
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import NOT_SIGNED_IN, IdentityOut, WayOut
from lab_server.web.oidc import GOOD_FOR, Oidc

router = APIRouter(tags=["signin"])

BACK = "/api/signin/oidc/back"  # what a provider is told to send browsers to
ROOM = "/room/?signin="
CONNECTED = "connected"


def _oidc(parts: Parts) -> Oidc:
    if parts.oidc is None:
        raise NotFound("This server knows no provider to sign in with.", "Its settings name one: LABS_OIDC_ISSUER.")
    return parts.oidc


def _cookie(parts: Parts, request: Request, sealed: str) -> str:
    """A Set-Cookie value; "" takes it away. Lax: the provider's page leads back here."""
    flags = "; Secure" if request.state.secure else ""
    age = GOOD_FOR if sealed else 0
    return (
        f"{_cookie_name(parts, request)}={sealed}; Path=/api/signin/oidc; Max-Age={age}; HttpOnly; SameSite=Lax{flags}"
    )


def _cookie_name(parts: Parts, request: Request) -> str:
    return f"{parts.signins.cookie_name(request.state.secure).removeprefix('__Host-')}-oidc"


async def _begun(parts: Parts, origin: str, request: Request, response: Response, account: str = "") -> WayOut:
    to, sealed = await _oidc(parts).begin(f"{origin}{BACK}", account)
    response.headers.append("Set-Cookie", _cookie(parts, request, sealed))
    return WayOut(to=to)


@router.post("/api/signin/oidc", responses=ERRORS)
async def begin(parts: Joined, origin: Origin, request: Request, response: Response) -> WayOut:
    """Where the browser is to go. 404 where there is no provider, 503 while it doesn't answer."""
    return await _begun(parts, origin, request, response)


@router.get(BACK, status_code=303, response_class=RedirectResponse, responses=ERRORS)
async def back(parts: Joined, token: Token, address: Address, request: Request) -> Response:
    """The provider sends the browser here, and this on to `/room/?signin=` what came of it; signed in, it sets the cookie."""
    oidc = _oidc(parts)
    sealed = request.cookies.get(_cookie_name(parts, request), "")
    answer = RedirectResponse(f"{ROOM}{CONNECTED}", status_code=303)
    try:
        with parts.signins.trying(address):
            account = await oidc.end(sealed, request.query_params)
        if account:
            _, new = await parts.signins.enter(account, request.headers.get("user-agent", ""), token)
            answer = RedirectResponse("/room/", status_code=303)
            answer.headers.append("Set-Cookie", parts.signins.cookie(new, request.state.secure))
    except Stopped as why:
        answer = RedirectResponse(f"{ROOM}{why.key}", status_code=303)
    except TooMany:
        answer = RedirectResponse(f"{ROOM}many", status_code=303)
    answer.headers.append("Set-Cookie", _cookie(parts, request, ""))
    return answer


@router.get("/api/identities", responses=ERRORS | NOT_SIGNED_IN)
async def identities(parts: Joined, who: Instructor) -> list[IdentityOut]:
    """What the account is connected with, in the order in which that was made."""
    return [
        IdentityOut(id=one.id, email=one.email, made=one.made, used=one.used)
        for one in await _oidc(parts).all(who.account)
    ]


@router.post("/api/identities", responses=ERRORS | NOT_SIGNED_IN)
async def connect(parts: Joined, who: Instructor, origin: Origin, request: Request, response: Response) -> WayOut:
    """As for signing in; who comes back is connected with the account."""
    return await _begun(parts, origin, request, response, who.account.id)


@router.delete("/api/identities/{id}", status_code=204, responses=ERRORS | NOT_SIGNED_IN)
async def disconnect(id: Annotated[str, Path(pattern="^[0-9a-f]{1,24}$")], parts: Joined, who: Instructor) -> None:
    await _oidc(parts).remove(who.account, id)
