"""Passkeys: an account's own, and signing in with one."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from lab_server.store.passkeys import Passkey
from lab_server.web.api.parts import Address, Instructor, Joined, Origin, Token
from lab_server.web.api.signin import signin_out
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import CONFLICT, NOT_SIGNED_IN, PasskeyIn, PasskeyOut, PasskeySigninIn, SigninOut
from lab_server.web.models_progress import TOO_MANY

router = APIRouter(tags=["signin"])


def _out(one: Passkey) -> PasskeyOut:
    return PasskeyOut(id=one.id, name=one.name, made=one.made, used=one.used)


@router.post("/api/signin/passkey/options", responses=ERRORS | CONFLICT)
async def signin_options(parts: Joined, origin: Origin) -> dict[str, Any]:
    """What a browser is to sign: PublicKeyCredentialRequestOptionsJSON. 409 where the site's address has no name."""
    return parts.passkeys.ask(origin)


@router.post("/api/signin/passkey", responses=ERRORS | CONFLICT | TOO_MANY)
async def sign_in(
    given: PasskeySigninIn,
    parts: Joined,
    token: Token,
    origin: Origin,
    address: Address,
    request: Request,
    response: Response,
) -> SigninOut:
    """As with a password: the answer sets a cookie that nobody had before."""
    with parts.signins.trying(address):
        account = await parts.passkeys.whose(given.credential, origin)
    agent = request.headers.get("user-agent", "")
    who, new = await parts.signins.enter(account, agent, token)
    response.headers.append("Set-Cookie", parts.signins.cookie(new, request.state.secure))
    return signin_out(parts, who)


@router.get("/api/passkeys", responses=ERRORS | NOT_SIGNED_IN)
async def passkeys(parts: Joined, who: Instructor) -> list[PasskeyOut]:
    """The account's own, in the order in which they were made."""
    return [_out(one) for one in await parts.passkeys.all(who.account)]


@router.post("/api/passkeys/options", responses=ERRORS | NOT_SIGNED_IN | CONFLICT)
async def new_options(parts: Joined, who: Instructor, origin: Origin) -> dict[str, Any]:
    """What a browser is to make one of: PublicKeyCredentialCreationOptionsJSON. 409 where the site's address has no name."""
    return await parts.passkeys.offer(who.account, origin)


@router.post("/api/passkeys", status_code=201, responses=ERRORS | NOT_SIGNED_IN | CONFLICT)
async def add(given: PasskeyIn, parts: Joined, who: Instructor, origin: Origin) -> PasskeyOut:
    return _out(await parts.passkeys.add(who.account, given.name, given.credential, origin))


@router.delete("/api/passkeys/{id}", status_code=204, responses=ERRORS | NOT_SIGNED_IN)
async def remove(id: Annotated[str, Path(pattern="^[0-9a-f]{1,24}$")], parts: Joined, who: Instructor) -> None:
    await parts.passkeys.remove(who.account, id)
