"""What is said to an OpenID Connect provider: Core 1.0, authorization code flow (section 3.1), with PKCE (RFC 7636), by Authlib.

Knows the protocol. Doesn't know accounts, nor who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import StarletteOAuth2App
from joserfc.errors import JoseError

from lab_server.web.faults import Stopped

log = structlog.get_logger()
PATIENCE = 10.0  # seconds with the provider
SKEW = 120  # seconds that its clock and ours may differ
# what an ID token may be signed with: by a key that the provider alone has, whatever it says that it would take
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
NO_ANSWER = (httpx2.HTTPError, httpx2.InvalidURL)
WRONG = (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)


class Provider:
    """Asked for what it is when somebody wants to sign in: a server starts without it, and tries again."""

    def __init__(self, issuer: str, client: str, secret: str) -> None:
        self._issuer, self._client = issuer, client
        self._app = StarletteOAuth2App(
            framework=None,
            client_id=client,
            client_secret=secret,
            server_metadata_url=f"{issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "timeout": PATIENCE},
        )

    async def way(self, back: str, nonce: str) -> tuple[str, str, str]:
        """The address at which somebody signs in, its state, and the code verifier. Raises Stopped."""
        try:
            await self._known()
            to = await self._app.create_authorization_url(back, nonce=nonce)
            return str(to["url"]), str(to["state"]), str(to["code_verifier"])
        except (*NO_ANSWER, *WRONG) as why:
            raise _silent(why) from why

    async def claims(self, back: str, code: str, verifier: str, nonce: str) -> Mapping[str, Any]:
        """Of the ID token for this code, which is for us and has this nonce; `sub` is in it. Raises Stopped."""
        options = {
            "iss": {"essential": True, "values": [self._issuer]},
            "aud": {"essential": True, "values": [self._client]},
        }
        try:
            await self._known()
            token = await self._app.fetch_access_token(back, code=code, code_verifier=verifier)
            claims = await self._app.parse_id_token(token, nonce, claims_options=options, leeway=SKEW)
            if not claims or not isinstance(claims["sub"], str) or not claims["sub"]:
                raise ValueError("there is no ID token, or nobody in it")
            return dict(claims)
        except NO_ANSWER as why:
            raise _silent(why) from why
        except WRONG as why:
            log.warning("a provider's answer was not accepted", why=repr(why)[:300])
            raise Stopped(
                "wrong", "What the provider answered can't be trusted.", "The server's log says why."
            ) from why

    async def _known(self) -> None:
        """Its metadata are there, and its own (OpenID Connect Discovery 1.0, section 4.3). Raises what httpx2 raises, ValueError."""
        found = await self._app.load_server_metadata()
        if found.get("issuer") != self._issuer:
            found.pop("_loaded_at", None)  # it is looked at again next time
            raise ValueError(f"it calls itself {found.get('issuer')!r}, not {self._issuer!r}")
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        found["id_token_signing_alg_values_supported"] = [one for one in offered if one in ALGORITHMS]


def _silent(why: Exception) -> Stopped:
    log.warning("a provider does not answer as one does", why=repr(why)[:300])
    return Stopped("silent", "The provider does not answer.", "Try again later, or sign in with your password.")
