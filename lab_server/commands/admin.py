"""`labs admin`: accounts of instructors and admins, made and taken away by who runs the server.

Knows options, where a password comes from (a terminal without showing it, or one line of standard input) and what is told. There is
no default password. Doesn't know how accounts are kept (store/accounts.py); a server may run meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from lab_server import settings
from lab_server.commands.common import Data, note, tell
from lab_server.errors import BadInput, NotFound

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from lab_server.settings import Settings

T = TypeVar("T")
app = typer.Typer(help="Accounts of instructors: make, list, give a new password, remove.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account's name, to sign in with.", show_default=False)]


@app.command()
def create(
    name: Name,
    instructor: Annotated[
        bool, typer.Option("--instructor", help="An instructor, who has their own classes only; otherwise an admin.")
    ] = False,
    oidc: Annotated[
        str,
        typer.Option(
            "--oidc",
            metavar="EMAIL",
            help="Without a password: for whoever the provider of LABS_OIDC_ISSUER knows by this verified address.",
        ),
    ] = "",
    data: Data = None,
) -> None:
    """Make an account. Asks for its password, or reads one line of standard input; with --oidc it has none."""
    from lab_server.store import accounts, identities, names, passwords

    try:
        chosen = names.normal(name)
    except ValueError as why:
        raise BadInput(str(why), "Choose another.") from None
    # with the provider alone there is a password all the same, which nobody knows
    password = passwords.hashed(secrets.token_urlsafe(32) if oidc else _password())

    async def make(at: AsyncConnection) -> None:
        made = await accounts.make(at, chosen, password, not instructor, time.time())
        if oidc:
            await identities.expect(at, made.id, oidc, time.time())

    _run(data, make)
    how = f" as {oidc.strip()}, with your provider" if oidc else ""
    note(f"Made the {'instructor' if instructor else 'admin'} {chosen!r}: sign in at /room/ of the course{how}.")


@app.command("list")
def list_accounts(data: Data = None) -> None:
    """Name every account, with what it is and since when."""
    from lab_server.store import accounts

    for account in _run(data, accounts.every):
        day = datetime.fromtimestamp(account.made, UTC).date()
        tell(f"{account.name}\t{'admin' if account.admin else 'instructor'}\t{day}")


@app.command()
def password(name: Name, data: Data = None) -> None:
    """Give an account a new password, asked for as in `create`, and nothing else to sign in with: passkeys and connections to a
    provider are removed. Wherever it is signed in, that ends."""
    from lab_server.store import accounts, identities, passkeys, passwords

    async def change(at: AsyncConnection) -> None:
        found = await accounts.find(at, name)
        if found is None:
            raise NotFound(f"There is no account called {name!r}.", "`labs admin list` names them.")
        await accounts.set_password(at, found[0].id, new)
        await accounts.end_all(at, found[0].id)
        await passkeys.remove_all(at, found[0].id)
        await identities.remove_all(at, found[0].id)

    new = passwords.hashed(_password())
    _run(data, change)
    note(f"{name!r} has a new password, no passkeys or connections to a provider, and is signed in nowhere.")


@app.command()
def remove(name: Name, data: Data = None) -> None:
    """Take an account away, with its sign-ins and its places in classes. Classes stay; an admin sees them all."""
    from lab_server.store import accounts

    _run(data, lambda at: accounts.remove(at, name))
    note(f"Removed {name!r}.")


@app.command()
def audit(
    of: Annotated[str, typer.Option("--class", metavar="ID", help="Of one class, by its id: it may be gone.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line.")] = False,
    data: Data = None,
) -> None:
    """Print what those who run classes did to others in them, the oldest first; also of classes that are gone."""
    from lab_server.store import audit as log

    async def all_(at: AsyncConnection) -> list[log.Entry]:
        return [entry async for entry in log.every(at, of)]

    for one in _run(data, all_):
        at = datetime.fromtimestamp(one.at, UTC).isoformat(timespec="seconds")
        if as_json:
            told = {"at": at, "class": one.of, "title": one.title, "account": one.account, "name": one.name}
            about = {"act": one.act, "member": one.member, "detail": dict(one.detail)}
            tell(json.dumps(told | about, ensure_ascii=False))
        else:
            more = [f"{key}={value}" for key, value in one.detail.items()]
            words = [at, one.name, one.act, one.title, one.of, one.member or "-", *more]
            tell("\t".join(" ".join(str(word).split()) for word in words))


def _password() -> str:
    """Asked twice at a terminal; else the first line of standard input. Raises BadInput."""
    if sys.stdin.isatty():
        first = getpass.getpass("Password: ")
        if getpass.getpass("The same again: ") != first:
            raise BadInput("The two passwords differ.", "Try again.")
        return first
    line = sys.stdin.readline()
    if not line.strip():
        raise BadInput("There is no password on standard input.", "Send one line, or run this in a terminal.")
    return line.rstrip("\r\n")


def _run(data: Path | None, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do it in one transaction on the database of the settings."""
    chosen = settings.load(data=data)
    return asyncio.run(_within(chosen, act))


async def _within(chosen: Settings, act: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with _store(chosen) as at:
        return await act(at)


@contextlib.asynccontextmanager
async def _store(chosen: Settings) -> AsyncIterator[AsyncConnection]:
    """A transaction that writes. What root makes in the web server's folder becomes the folder's owner's."""
    from lab_server import backups, supervise
    from lab_server.store.engine import Store

    supervise.own_web_data(chosen, None)
    store = Store(chosen.database_url)
    try:
        async with store.write() as at:
            yield at
    finally:
        await store.close()
        with contextlib.suppress(FileNotFoundError):  # of a server that ended meanwhile
            backups.own_alike(chosen)
