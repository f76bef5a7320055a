"""Who asks, and from which page: the learner's signed cookie, and the Origin of calls that change something.

Knows headers, cookies and the configured origins. Doesn't know the web framework, sandboxes or what is asked for.
Origin and Host are the only headers believed here: X-Forwarded-Host is never looked at.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from itsdangerous import BadSignature, TimestampSigner

from lab_server.errors import Refused

LIFETIME = 90 * 24 * 3600  # seconds that a learner's cookie is good for
RENEW = 24 * 3600  # seconds after which it is written anew
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Learner:
    """An anonymous learner. `expires` is seconds since the epoch; `cookie` is a Set-Cookie value to send, or ""."""

    id: str
    expires: float
    cookie: str = ""


def read_key(directory: Path) -> str:
    """The signing key in `directory`, made on first use (mode 0600)."""
    file = directory / "cookie.key"
    with contextlib.suppress(FileExistsError):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "w") as new:
            new.write(secrets.token_hex(32))
    return file.read_text().strip()


class Cookies:
    """Signs and reads learners' cookies. Cookies know no ports, so the name has the port in it: two servers on one host."""

    def __init__(self, key: str, port: int) -> None:
        self._signer = TimestampSigner(key, salt="labs-learner")
        self._port = port

    def name(self, secure: bool) -> str:
        return "__Host-labs" if secure else f"labs-{self._port}"

    def read(self, header: str, secure: bool) -> Learner | None:
        """The learner whose valid cookie is in a Cookie header."""
        name = self.name(secure)
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key != name:
                continue
            try:
                # not with max_age: that refuses what is signed in the future too, and so everybody when the clock is set back
                id, made = self._signer.unsign(value, return_timestamp=True)
            except BadSignature:
                continue
            age = time.time() - made.timestamp()
            if age > LIFETIME:
                continue
            expires = made.timestamp() + LIFETIME
            return Learner(id.decode(), expires, self._write(id.decode(), secure) if abs(age) > RENEW else "")
        return None

    def new(self, secure: bool, id: str = "") -> Learner:
        """A learner with a cookie to send: that one, or one nobody knows yet."""
        id = id or secrets.token_hex(12)
        return Learner(id, time.time() + LIFETIME, self._write(id, secure))

    def _write(self, id: str, secure: bool) -> str:
        value = self._signer.sign(id).decode()
        flags = "; Secure" if secure else ""
        return f"{self.name(secure)}={value}; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Lax{flags}"


class Origins:
    """Which pages may change something: the configured origins, or else the address that this very request was sent to."""

    def __init__(self, configured: tuple[str, ...], loopback: bool) -> None:
        self._configured = frozenset(_canonical(origin) for origin in configured)
        self._loopback = loopback
        self.secure = any(origin.startswith("https:") for origin in configured)

    def check(self, headers: Mapping[str, str], scheme: str) -> None:
        """Raises Refused unless the request comes from a page of this server."""
        origin = headers.get("origin", "")
        if not origin:
            raise Refused("This call needs an Origin header.", "Make it from a page of the course.")
        if origin == "null":
            raise Refused("A page without an origin can't do this.", "Open the course in a window of its own.")
        found = _canonical(origin)
        if found in self._configured:
            return
        own = _canonical(f"{scheme}://{headers.get('host', '')}")
        if self._configured or not found or found != own:
            raise Refused(
                "This call comes from another site.",
                "Open the course at its own address; an address of its own is named in LABS_ORIGINS.",
            )
        if self._loopback and not _is_local(headers.get("host", "")):
            # a name of somebody else's that leads to this machine (DNS rebinding)
            raise Refused(
                "This server is only for this machine.",
                "Open it as http://127.0.0.1, or name the address in LABS_ORIGINS.",
            )


def _canonical(origin: str) -> str:
    """scheme://host:port in lower case; "" for what is no origin."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query or parts.username:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _is_local(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
