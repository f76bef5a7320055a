"""Passwords: what one has to be, and the hash of it that is kept (argon2id, with the library's parameters, which grow with time).

Knows argon2. Doesn't know whose they are. Both calls take about a twentieth of a second and 64 MiB: not for the event loop.
"""

from __future__ import annotations

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from lab_server.errors import BadInput

SHORTEST, LONGEST = 12, 256  # characters
_hasher = PasswordHasher()
# of no password: what is compared with where there is no such account, so that it takes as long
NOBODY = _hasher.hash("")


def hashed(password: str) -> str:
    """The hash. Raises BadInput for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(
            f"A password has {SHORTEST} to {LONGEST} characters.", "Four words that don't go together are a good one."
        )
    return again(password)


def again(password: str) -> str:
    """The hash of one that is somebody's already, whatever the rules were when it was chosen."""
    return _hasher.hash(_normal(password))


def right(kept: str, password: str) -> tuple[bool, bool]:
    """Whether it is the one, and whether its hash should be made anew, with today's parameters."""
    try:
        _hasher.verify(kept, _normal(password))
    except (VerificationError, InvalidHashError):
        return False, False
    return True, _hasher.check_needs_rehash(kept)


def _normal(password: str) -> str:
    """The same bytes from every keyboard."""
    return unicodedata.normalize("NFKC", password)
