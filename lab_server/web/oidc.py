"""Signing in with a provider of the organisation: who began, and which account it is that comes back.

Knows the store, and what a flow needs from its beginning to its end, which the browser that began it keeps, sealed with a key that lasts
as long as the server runs. Doesn't know what is said to the provider (provider.py), HTTP's framework, nor the room's cookie. Who comes
back is an account if it is connected with what the provider calls that person (issuer and subject, which nobody chooses), or waits for
their verified address: see store/identities.py. Methods raise StoreFailed while the database can't be used.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import structlog
from itsdangerous import BadSignature, URLSafeTimedSerializer

from lab_server.errors import Conflict
from lab_server.settings import Settings
from lab_server.store import identities
from lab_server.store.accounts import Account
from lab_server.store.engine import Store
from lab_server.store.identities import Identity
from lab_server.web.faults import Stopped

log = structlog.get_logger()
GOOD_FOR = 600  # seconds from the first redirect to the last: who signs in there may have to look for a phone


class Oidc:
    """One for the whole server, where there is a provider. `clock`: seconds since the epoch."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._issuer = settings.oidc_issuer
        self.name = settings.oidc_name or (urlsplit(self._issuer).hostname or "")
        self._seal = URLSafeTimedSerializer(secrets.token_bytes(32), "oidc")
        from lab_server.web.provider import Provider  # most courses have none, and need not load what it takes

        self._provider = Provider(self._issuer, settings.oidc_client, settings.oidc_secret)

    # --- the flow ---

    async def begin(self, back: str, account: str = "") -> tuple[str, str]:
        """The provider's address to go to, and what the browser is to keep until it comes to `back`. `account`: to connect it.

        Raises Stopped where the provider doesn't answer.
        """
        nonce = secrets.token_urlsafe(24)
        to, state, verifier = await self._provider.way(back, nonce)
        kept = {"state": state, "verifier": verifier, "nonce": nonce, "back": back, "account": account}
        return to, self._seal.dumps(kept)

    async def end(self, sealed: str, query: Mapping[str, str]) -> Account | None:
        """The account that comes back; None where one was to be connected, and is. Raises Stopped, and what the store raises."""
        kept = self._kept(sealed, query.get("state", ""))
        if error := query.get("error", ""):
            log.warning("the provider signed nobody in", error=error[:80])
            raise Stopped("declined", "The provider signed nobody in.", "Try again there.")
        claims = await self._provider.claims(kept["back"], query.get("code", ""), kept["verifier"], kept["nonce"])
        subject, email = str(claims["sub"]), str(claims.get("email") or "")
        if kept["account"]:
            await self._connect(kept["account"], subject, email)
            return None
        async with self._store.write() as at:
            found = await identities.find(at, self._issuer, subject)
            if found is None and email and claims.get("email_verified") is True:
                found = await identities.claim(at, self._issuer, subject, email)
            if found is None:
                raise Stopped("unknown", "No account here is theirs.", "Who runs the server makes one.")
            await identities.used(at, found[0].id, self._clock())
        return found[1]

    async def _connect(self, account: str, subject: str, email: str) -> None:
        try:
            async with self._store.write() as at:
                await identities.link(at, account, self._issuer, subject, email, self._clock())
        except Conflict as why:
            raise Stopped("taken", why.message, why.remedy) from why

    def _kept(self, sealed: str, state: str) -> dict[str, str]:
        try:
            kept: dict[str, str] = self._seal.loads(sealed, max_age=GOOD_FOR)
        except BadSignature:  # also too old, and of a server before this one
            raise Stopped("late", "This sign-in was not begun here, or too long ago.", "Begin again.") from None
        if not hmac.compare_digest(kept["state"].encode(), state.encode()):
            raise Stopped("late", "This is the end of another sign-in.", "Begin again.")
        return kept

    # --- an account's own ---

    async def all(self, who: Account) -> list[Identity]:
        async with self._store.read() as at:
            return await identities.of_account(at, who.id)

    async def remove(self, who: Account, id: str) -> None:
        """Raises NotFound."""
        async with self._store.write() as at:
            await identities.remove(at, who.id, id)
