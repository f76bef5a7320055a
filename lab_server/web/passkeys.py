"""Passkeys: signing in with what a browser's authenticator holds, without a password (WebAuthn level 2, sections 7.1 and 7.2).

Knows the ceremonies, by the webauthn library, and the store. Doesn't know HTTP's framework nor cookies. A challenge is kept nowhere: it
says itself for whom and until when it is good, sealed with a key that lasts as long as the server runs. Methods raise StoreFailed while
the database can't be used.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import secrets
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import webauthn
from webauthn.helpers import parse_authentication_credential_json, parse_registration_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from lab_server.errors import Conflict, Refused
from lab_server.store import names, passkeys
from lab_server.store.accounts import Account
from lab_server.store.engine import Store
from lab_server.store.passkeys import Passkey
from lab_server.web.faults import Unfit

COURSE = "A course you can run"
GOOD_FOR = 300.0  # seconds in which an answer to a challenge has to come
ANYBODY = ""  # a challenge for signing in is for no account
LONGEST_NAME = 40

Credential = Mapping[str, Any]  # as PublicKeyCredential.toJSON() has it


class Passkeys:
    """One for the whole server. `clock`: seconds since the epoch."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._seal = secrets.token_bytes(32)
        self._spent: dict[bytes, float] = {}  # challenge that was answered rightly → until when it would have been good

    # --- an account's own ---

    async def all(self, who: Account) -> list[Passkey]:
        async with self._store.read() as at:
            return await passkeys.of_account(at, who.id)

    async def remove(self, who: Account, id: str) -> None:
        """Raises NotFound."""
        async with self._store.write() as at:
            await passkeys.remove(at, who.id, id)

    async def offer(self, who: Account, origin: str) -> dict[str, Any]:
        """What the browser is to make one of: PublicKeyCredentialCreationOptionsJSON. Raises Conflict at an address without a name."""
        site = _site(origin)
        options = webauthn.generate_registration_options(
            rp_id=site,
            rp_name=COURSE,
            user_id=who.id.encode(),
            user_name=who.name,
            challenge=self._challenge(who.id),
            timeout=int(GOOD_FOR * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=one.credential) for one in await self.all(who)],
        )
        return dict(json.loads(webauthn.options_to_json(options)))

    async def add(self, who: Account, name: str, given: Credential, origin: str) -> Passkey:
        """Keep one that the browser made. Raises Unfit for what isn't, or has no name; Conflict."""
        try:
            called = names.normal(name, LONGEST_NAME)
        except ValueError as why:
            raise Unfit(str(why), "Give it another name.") from None
        try:
            made = webauthn.verify_registration_response(
                credential=parse_registration_credential_json(dict(given)),
                expected_challenge=self._answered(given, who.id),
                expected_rp_id=_site(origin),
                expected_origin=origin,
                require_user_verification=True,
            )
            self._spend(given)
        except (WebAuthnException, ValueError, TypeError, KeyError) as why:
            raise Unfit("This is no passkey for this site.", "Make it once more.") from why
        async with self._store.write() as at:
            return await passkeys.add(
                at, who.id, made.credential_id, made.credential_public_key, made.sign_count, called, self._clock()
            )

    # --- signing in ---

    def ask(self, origin: str) -> dict[str, Any]:
        """What the browser is to sign: PublicKeyCredentialRequestOptionsJSON. Raises Conflict at an address without a name."""
        options = webauthn.generate_authentication_options(
            rp_id=_site(origin),
            challenge=self._challenge(ANYBODY),
            timeout=int(GOOD_FOR * 1000),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return dict(json.loads(webauthn.options_to_json(options)))

    async def whose(self, given: Credential, origin: str) -> Account:
        """The account whose passkey signed. Raises Refused."""
        wrong = Refused("This passkey is not known here.", "Sign in with your password, and add a passkey there.")
        try:
            credential = parse_authentication_credential_json(dict(given))
            async with self._store.read() as at:
                found = await passkeys.find(at, credential.raw_id)
            if found is None:
                raise wrong
            kept, account = found
            done = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=self._answered(given, ANYBODY),
                expected_rp_id=_site(origin),
                expected_origin=origin,
                credential_public_key=kept.key,
                credential_current_sign_count=kept.count,
                require_user_verification=True,
            )
            self._spend(given)
        except (WebAuthnException, ValueError, TypeError, KeyError) as why:
            raise Refused("This passkey was not accepted.", "Try once more, or sign in with your password.") from why
        async with self._store.write() as at:
            if not await passkeys.used(at, kept.id, done.new_sign_count, self._clock()):
                raise wrong
        return account

    # --- challenges ---

    def _challenge(self, account: str) -> bytes:
        """Sixteen random bytes, until when it is good, and the seal over both and whom it is for."""
        plain = secrets.token_bytes(16) + struct.pack(">d", self._clock() + GOOD_FOR)
        return plain + self._sealed(plain, account)

    def _sealed(self, plain: bytes, account: str) -> bytes:
        return hmac.digest(self._seal, plain + account.encode(), "sha256")

    def _answered(self, given: Credential, account: str) -> bytes:
        """The challenge that was answered. Raises ValueError for one that isn't ours, is too old, or was answered before."""
        challenge = _challenge_of(given)
        plain, seal = challenge[:24], challenge[24:]
        now = self._clock()
        self._spent = {one: until for one, until in self._spent.items() if until > now}
        if len(plain) != 24 or not hmac.compare_digest(seal, self._sealed(plain, account)):
            raise ValueError("not our challenge")
        if not now < _good_until(challenge) <= now + GOOD_FOR or challenge in self._spent:
            raise ValueError("too late")
        return challenge

    def _spend(self, given: Credential) -> None:
        challenge = _challenge_of(given)
        self._spent[challenge] = _good_until(challenge)


def _challenge_of(given: Credential) -> bytes:
    """What the browser says that it signed; whether it did is for the library to see."""
    client = json.loads(webauthn.base64url_to_bytes(given["response"]["clientDataJSON"]))
    return webauthn.base64url_to_bytes(client["challenge"])


def _good_until(challenge: bytes) -> float:
    return float(struct.unpack(">d", challenge[16:24])[0])


def _site(origin: str) -> str:
    """What passkeys are for: the site's name. Raises Conflict where its address has none (WebAuthn level 2, section 5.1.2)."""
    host = urlsplit(origin).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host
    raise Conflict(
        "Passkeys need a site with a name, and this one is at a number.",
        "Open it by its name; on the machine itself that is localhost.",
    )
