"""What a database says when it can't → words for whoever runs the server.

Knows what SQLite, asyncpg and SQLAlchemy raise. Doesn't know queries. A password is in none of the words.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from lab_server.errors import StoreFailed

_STATES = {  # SQLSTATE, or its class → what happened, what to do
    "28": ("refuses the user or the password", "Set the right ones in LABS_DATABASE."),
    "3D000": ("is not there", "Create it (createdb), or name another in LABS_DATABASE."),
    "42501": ("does not let this user write", "Make the user its owner (ALTER DATABASE … OWNER TO …)."),
    "25006": ("is read-only", "Name the primary server in LABS_DATABASE."),
    "53": ("has no room, or too many connections", "Give it more, or close others' connections."),
    "57": ("is shutting down or starting", "It is tried again by itself."),
}
_SQLITE = {  # words of SQLite's message → what happened, what to do
    "unable to open": (
        "can't be opened",
        "Its folder must be there, and the web server's user must be able to write in it.",
    ),
    "readonly": ("can't be written", "The file and its folder must belong to the web server's user."),
    "not a database": (
        "is no SQLite database",
        "Restore a backup (labs restore --force FILE), or name another file in LABS_DATABASE.",
    ),
    "malformed": (
        "is damaged",
        "Restore a backup (labs restore --force FILE), or move the file away to start with an empty one.",
    ),
    "locked": ("is held by another process", "Let whatever else has it open finish."),
    "full": ("has no room: the disk is full", "Free some disk space."),
    "disk i/o": ("can't be read or written: the disk fails", "Look at the host's disk, then restore a backup."),
}
UNREACHABLE = ("can't be reached", "Start it, or correct the host and port in LABS_DATABASE.")
OTHER = ("failed", "It is tried again by itself; the server's log says more.")


def place(url: URL) -> str:
    """Where a database is, for a sentence: no user, no password."""
    if url.get_backend_name() == "sqlite":
        return f"The database {url.database}"
    host = url.host or url.query.get("host") or "localhost"
    return f"The database {url.database or ''} at {host}" + (f":{url.port}" if url.port else "")


def held(url: URL) -> tuple[str, str]:
    """A StoreFailed's words for a database that another process holds."""
    what, remedy = _SQLITE["locked"]
    return f"{place(url)} {what}.", remedy


@contextlib.contextmanager
def told(url: URL) -> Iterator[None]:
    """Raises StoreFailed for everything that a database or the way to it raises."""
    try:
        yield
    except (SQLAlchemyError, OSError, sqlite3.Error) as why:  # OSError: TimeoutError and what has no address, too
        what, remedy = _words(why, url.get_backend_name() == "sqlite")
        raise StoreFailed(f"{place(url)} {what}.", remedy) from why
    except Exception as why:
        if not hasattr(why, "sqlstate"):  # asyncpg's own, raised while it connects
            raise
        what, remedy = _words(why, False)
        raise StoreFailed(f"{place(url)} {what}.", remedy) from why


def _words(why: BaseException, file: bool) -> tuple[str, str]:
    for one in _chain(why):
        state = getattr(one, "sqlstate", None)
        if isinstance(state, str):
            return _STATES.get(state) or _STATES.get(state[:2]) or OTHER
        if isinstance(one, sqlite3.Error):
            message = str(one).lower()
            return next((words for part, words in _SQLITE.items() if part in message), OTHER)
        if isinstance(one, OSError):
            return _SQLITE["full" if one.errno == errno.ENOSPC else "unable to open"] if file else UNREACHABLE
    return OTHER


def _chain(why: BaseException) -> Iterator[BaseException]:
    """The failure and what it came from, the innermost first."""
    found: list[BaseException] = []
    at: BaseException | None = why
    while at is not None and at not in found:
        found.append(at)
        at = getattr(at, "orig", None) or at.__cause__ or at.__context__
    yield from reversed(found)
