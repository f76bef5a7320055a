"""An authenticator as a browser has one: makes passkeys and signs with them (WebAuthn level 2, sections 6.1 and 6.5).

Knows ES256 and the shapes of PublicKeyCredential.toJSON(). Doesn't know servers: it signs whatever challenge it is given.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

Json = dict[str, Any]
PRESENT, VERIFIED, MADE = 0x01, 0x04, 0x40  # flags


@dataclass
class Authenticator:
    """One that holds one passkey. `verifies`: it asks who it is, by a finger or a PIN."""

    origin: str
    site: str
    verifies: bool = True
    counts: bool = True
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def make(self, options: Json) -> Json:
        """The answer to PublicKeyCredentialCreationOptionsJSON."""
        numbers = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        made = b"\0" * 16 + struct.pack(">H", len(self.credential)) + self.credential + cbor2.dumps(key)
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": self._data(MADE) + made})
        client = self._client("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client, attestationObject=attested)

    def sign(self, options: Json) -> Json:
        """The answer to PublicKeyCredentialRequestOptionsJSON."""
        self.count += self.counts
        data, client = self._data(), self._client("webauthn.get", options["challenge"])
        signature = self._key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signature)

    def _data(self, flags: int = 0) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return hashlib.sha256(self.site.encode()).digest() + struct.pack(">BI", flags, self.count)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: bytes) -> Json:
        name = bytes_to_base64url(self.credential)
        told = {key: bytes_to_base64url(value) for key, value in response.items()}
        return {"id": name, "rawId": name, "type": "public-key", "response": told, "clientExtensionResults": {}}
