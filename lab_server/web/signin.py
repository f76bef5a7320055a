"""Signing in: a name and a password → a cookie; the cookie → an account. And where else one is signed in.

Knows the cookie, the throttles' rules and the store. Doesn't know HTTP's framework, nor what an account may do. Every method that
asks the store raises StoreFailed while it can't be used.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lab_server.errors import NotSignedIn, Refused, StoreFailed
from lab_server.store import accounts, names, passwords
from lab_server.store.accounts import Account, Signin
from lab_server.store.engine import Store
from lab_server.web.throttle import Throttle

HASHES = 2  # passwords hashed at once: each takes 64 MiB
ACCOUNTS = "account:"  # what an account's key in a throttle begins with: no address does


def wrong_passwords() -> tuple[Throttle, Throttle]:
    """How many an address may send, and how many one account takes, from wherever they come."""
    return (
        Throttle(10, 60.0, "Too many wrong passwords came from your network."),
        Throttle(50, 30.0, "Too many wrong passwords were tried for this account."),
    )


@dataclass(frozen=True)
class SignedIn:
    account: Account
    signin: Signin


class SignIns:
    """One for the whole server. `clock`: seconds since the epoch; `addresses` and `names` count wrong passwords."""

    def __init__(
        self, store: Store, port: int, addresses: Throttle, names: Throttle, clock: Callable[[], float] = time.time
    ) -> None:
        self._store, self._port, self._clock = store, port, clock
        self._addresses, self._names = addresses, names
        self._hashes = asyncio.Semaphore(HASHES)

    # --- the cookie ---

    def cookie_name(self, secure: bool) -> str:
        """Cookies know no ports: two servers on one host have two names."""
        return "__Host-labs-room" if secure else f"labs-room-{self._port}"

    def cookie(self, token: str, secure: bool) -> str:
        """A Set-Cookie value; "" takes the cookie away. Strict: no other site's link or form brings it along."""
        age = accounts.LONGEST if token else 0
        flags = "; Secure" if secure else ""
        return f"{self.cookie_name(secure)}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{flags}"

    def token(self, header: str, secure: bool) -> str:
        """The token in a Cookie header, or ""."""
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie_name(secure) and value:
                return value
        return ""

    # --- signing in and out ---

    async def sign_in(self, name: str, password: str, address: str, agent: str, before: str) -> tuple[SignedIn, str]:
        """Who that is, and a token that nobody had before; the sign-in of the token `before` is ended.

        Raises Refused for a wrong name or password, which is not told apart and takes as long; TooMany for too many of them.
        """
        account, kept, stale = await self._tried(name, password, address)
        anew = await asyncio.to_thread(passwords.again, password) if stale else ""
        async with self._store.write() as at:
            again = await accounts.find(at, name)
            if again is None or again[1] != kept:
                raise Refused("The password was changed meanwhile.", "Sign in with the new one.")
            if before:
                await accounts.end_token(at, before)
            if anew:
                await accounts.set_password(at, account.id, anew)
            signin, token = await accounts.sign_in(at, account.id, agent, self._clock())
        return SignedIn(account, signin), token

    @contextlib.contextmanager
    def trying(self, address: str) -> Iterator[None]:
        """What is tried in the block counts as a wrong password of this address unless it succeeds. Raises TooMany."""
        self._addresses.take(address)
        try:
            yield
        except StoreFailed:  # nothing was tried
            self._addresses.give_back(address)
            raise
        self._addresses.give_back(address)

    async def enter(self, account: Account, agent: str, before: str) -> tuple[SignedIn, str]:
        """As `sign_in`, for an account that has shown itself otherwise. Raises Refused where it is gone meanwhile."""
        async with self._store.write() as at:
            if await accounts.find(at, account.name) is None:
                raise Refused("This account is gone.", "Who runs the server can make another.")
            if before:
                await accounts.end_token(at, before)
            signin, token = await accounts.sign_in(at, account.id, agent, self._clock())
        return SignedIn(account, signin), token

    async def _tried(self, name: str, password: str, address: str) -> tuple[Account, str, bool]:
        """Whose password it is, its hash as it is kept, and whether that should be made anew. Raises Refused, TooMany, StoreFailed."""
        key = ACCOUNTS + names.key(name)[:100]
        self._addresses.take(address)  # before it is looked at: many at once are many
        try:
            self._names.take(key)
        except Refused:
            self._addresses.give_back(address)
            raise
        try:
            async with self._store.read() as at:
                found = await accounts.find(at, name)
        except StoreFailed:  # nothing was tried
            self._addresses.give_back(address)
            self._names.give_back(key)
            raise
        kept = found[1] if found else passwords.NOBODY
        async with self._hashes:
            right, stale = await asyncio.to_thread(passwords.right, kept, password)
        if not (found and right):
            raise Refused(
                "The name or the password is wrong.", "Who runs the server can set a new one: labs admin password"
            )
        self._addresses.give_back(address)
        self._names.give_back(key)
        return found[0], kept, stale

    async def change_password(self, who: SignedIn, password: str, new: str, address: str) -> None:
        """From here on it is the new one; wherever else the account is signed in, that ends.

        Raises BadInput for one that can't be; Refused, TooMany for a wrong old one, as `sign_in` does.
        """
        async with self._hashes:
            anew = await asyncio.to_thread(passwords.hashed, new)
        account, kept, _ = await self._tried(who.account.name, password, address)
        async with self._store.write() as at:
            again = await accounts.find(at, account.name)
            if again is None or again[1] != kept:
                raise Refused("The password was changed meanwhile.", "Sign in with the new one.")
            await accounts.set_password(at, account.id, anew)
            await accounts.end_all(at, account.id, but=who.signin.id)

    async def who(self, token: str, note: bool = True) -> SignedIn | None:
        """Whose token this is; a call is noted, unless it is a page that only stays open."""
        if not token:
            return None
        now = self._clock()
        async with self._store.read() as at:
            found = await accounts.signed_in(at, token, now)
        if found is None:
            return None
        signin, account = found
        if note and abs(now - signin.seen) > accounts.FRESH:  # abs: the clock may have been set back
            async with self._store.write() as at:
                await accounts.saw(at, signin.id, now)
        return SignedIn(account, signin)

    async def need(self, token: str, note: bool = True) -> SignedIn:
        """As `who`. Raises NotSignedIn."""
        found = await self.who(token, note)
        if found is None:
            raise NotSignedIn("You are not signed in.", "Sign in at /room/; a sign-in ends after 12 hours without use.")
        return found

    async def still(self, token: str) -> Account:
        """Whose token this is, without its counting as a call: for what goes on by itself. Raises NotSignedIn."""
        async with self._store.read() as at:
            found = await accounts.signed_in(at, token, self._clock())
        if found is None:
            raise NotSignedIn("You are not signed in any more.", "Sign in at /room/.")
        return found[1]

    async def sign_out(self, token: str) -> None:
        async with self._store.write() as at:
            await accounts.end_token(at, token)

    async def all(self, who: SignedIn) -> list[Signin]:
        async with self._store.read() as at:
            return await accounts.signins_of(at, who.account.id, self._clock())

    async def end(self, who: SignedIn, signin: str) -> None:
        """Raises NotFound."""
        async with self._store.write() as at:
            await accounts.end(at, who.account.id, signin)

    async def possible(self) -> bool:
        """Whether there is anybody who could sign in."""
        async with self._store.read() as at:
            return await accounts.some(at)
