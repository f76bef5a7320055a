"""Signing in and out, and where else one is signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from lab_server.web.api.parts import Address, Instructor, Joined, Parts, Token
from lab_server.web.models import ERRORS
from lab_server.web.models_classes import NOT_SIGNED_IN, AccountOut, PasswordIn, SigninIn, SigninKept, SigninOut
from lab_server.web.models_progress import TOO_MANY
from lab_server.web.signin import SignedIn

router = APIRouter(tags=["signin"])


def signin_out(parts: Parts, who: SignedIn | None, possible: bool = True) -> SigninOut:
    account = AccountOut(id=who.account.id, name=who.account.name, admin=who.account.admin) if who else None
    return SigninOut(account=account, possible=possible, provider=parts.oidc.name if parts.oidc else None)


@router.get("/api/signin", responses=ERRORS)
async def signin(parts: Joined, token: Token) -> SigninOut:
    """Who is signed in in this browser."""
    who = await parts.signins.who(token)
    return signin_out(parts, who, bool(who) or await parts.signins.possible())


@router.post("/api/signin", responses=ERRORS | TOO_MANY)
async def sign_in(
    given: SigninIn, parts: Joined, token: Token, address: Address, request: Request, response: Response
) -> SigninOut:
    """The answer sets a cookie that nobody had before."""
    agent = request.headers.get("user-agent", "")
    who, new = await parts.signins.sign_in(given.name, given.password, address, agent, token)
    response.headers.append("Set-Cookie", parts.signins.cookie(new, request.state.secure))
    return signin_out(parts, who)


@router.delete("/api/signin", status_code=204, responses=ERRORS)
async def sign_out(parts: Joined, token: Token, request: Request, response: Response) -> None:
    """Also where nobody is signed in."""
    if token:
        await parts.signins.sign_out(token)
    response.headers.append("Set-Cookie", parts.signins.cookie("", request.state.secure))


@router.put("/api/signin/password", status_code=204, responses=ERRORS | NOT_SIGNED_IN | TOO_MANY)
async def change_password(given: PasswordIn, parts: Joined, who: Instructor, address: Address) -> None:
    """Another password. Wherever else this account is signed in, that ends."""
    await parts.signins.change_password(who, given.password, given.new, address)


@router.get("/api/signins", responses=ERRORS | NOT_SIGNED_IN)
async def signins(parts: Joined, who: Instructor) -> list[SigninKept]:
    """Where this account is signed in, the one last seen first."""
    return [
        SigninKept(
            id=one.id,
            agent=one.agent,
            made=one.made,
            seen=one.seen,
            expires=one.expires,
            here=one.id == who.signin.id,
        )
        for one in await parts.signins.all(who)
    ]


@router.delete("/api/signins/{id}", status_code=204, responses=ERRORS | NOT_SIGNED_IN)
async def end_signin(id: Annotated[str, Path(pattern="^[0-9a-f]{1,24}$")], parts: Joined, who: Instructor) -> None:
    await parts.signins.end(who, id)
