"""An OpenID Connect provider over real HTTP: who comes is signed in at once, as `person` says (Core 1.0, section 3.1).

Checks what it is handed: the client and its secret, the redirect address, a code once, the verifier of PKCE. `spoil` is how it lies:

    nonce, audience, issuer    another one in the ID token
    old                        a token of yesterday
    key                        signed with a key that it doesn't publish
    none, hs256                not signed, or with the client's secret
    nobody, unsigned-in        no subject; no ID token at all
    refuse                     it sends back error=access_denied
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT, SECRET = "course", "a secret of the course that is long enough"
ALL = JWSRegistry(algorithms=["RS256", "HS256", "none"])


class Provider:
    """`name`: of this machine, in its address."""

    def __init__(self, name: str = "127.0.0.1") -> None:
        self.person: dict[str, Any] = {"sub": "248289761001", "email": "ada@example.org", "email_verified": True}
        self.spoil = ""
        self.asked: list[str] = []  # paths
        self.backs: list[str] = []  # redirect addresses that were asked for
        self._key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"})
        self._codes: dict[str, dict[str, str]] = {}
        handler = type("Handler", (_Handler,), {"provider": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.issuer = f"http://{name}:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, name="provider", daemon=True).start()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "oidc_issuer": self.issuer,
            "oidc_client": CLIENT,
            "oidc_secret": SECRET,
            "oidc_name": "Example University",
        }

    def another_key(self) -> None:
        """It signs with a new one from here on, as providers do now and then."""
        self._key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "alg": "RS256", "use": "sig"})

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    # --- what is asked of it ---

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "code_challenge_methods_supported": ["S256"],
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self._key.as_dict(private=False)]}

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent."""
        assert query["client_id"] == CLIENT and query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256" and "openid" in query["scope"].split()
        self.backs.append(query["redirect_uri"])
        if self.spoil == "refuse":
            return f"{query['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': query['state']})}"
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def token(self, given: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        asked = self._codes.pop(given.get("code", ""), None)
        if client != f"{CLIENT}:{SECRET}".replace(" ", "%20") and client != f"{CLIENT}:{SECRET}":
            return 401, {"error": "invalid_client"}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        right = asked and challenge.rstrip(b"=").decode() == asked["code_challenge"]
        if not asked or not right or given.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        told = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer", "expires_in": 300}
        if self.spoil != "unsigned-in":
            told["id_token"] = self._id_token(asked["nonce"])
        return 200, told

    def _id_token(self, nonce: str) -> str:
        now = int(time.time()) - (86400 if self.spoil == "old" else 0)
        claims = {"iss": self.issuer, "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce} | self.person
        match self.spoil:
            case "nonce":
                claims["nonce"] = "another"
            case "audience":
                claims["aud"] = "somebody else"
                claims["azp"] = CLIENT
            case "issuer":
                claims["iss"] = "https://elsewhere.example.org"
            case "nobody":
                claims["sub"] = ""
            case "none":
                return jwt.encode({"alg": "none"}, claims, OctKey.import_key("x" * 32), registry=ALL)
            case "hs256":
                return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), registry=ALL)
            case "key":
                other = RSAKey.generate_key(2048, {"kid": "one"})
                return jwt.encode({"alg": "RS256", "kid": "one"}, claims, other, registry=ALL)
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key, registry=ALL)


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        at = urlsplit(self.path)
        self.provider.asked.append(at.path)
        if at.path == "/.well-known/openid-configuration":
            self._answer(200, self.provider.metadata())
        elif at.path == "/jwks":
            self._answer(200, self.provider.jwks())
        elif at.path == "/authorize":
            self.send_response(303)
            self.send_header("Location", self.provider.authorize(_flat(at.query)))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.provider.asked.append(self.path)
        self._answer(*self.provider.token(_flat(body), self.headers.get("Authorization", "")))

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _flat(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}


@contextlib.contextmanager
def providing(name: str = "127.0.0.1") -> Iterator[Provider]:
    made = Provider(name)
    try:
        yield made
    finally:
        made.close()
