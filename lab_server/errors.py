"""Every failure a person can be shown, as a type.

Knows: what went wrong in words, what the reader can do about it, and a stable code.
Doesn't know: HTTP, terminals, or drivers. They are translated at one edge each:
`web/faults.py` (to JSON), `cli.py` (to a line on stderr), `sandbox/rpc.py` (to a message).
Standard library only, since the privileged side imports this.

    LabError
    ├── BadInput            the request itself is wrong
    │   └── CatalogError    a lesson, quiz or lab file is wrong (file and line)
    ├── NotFound            no such lesson, sandbox or terminal, or not yours
    ├── Refused             understood, and not allowed (origin, peer, policy)
    │   └── NotSignedIn     only who is signed in may do this
    ├── Conflict            clashes with what is already there (a port in use, a name taken)
    ├── Missing             a package, image or file this machine needs is not there
    ├── HostFull            no room: disk, memory, pids, sandboxes
    ├── DriverUnavailable   this driver can't work on this host
    ├── SandboxFailed       a sandbox or terminal could not be made, or broke
    ├── SpawnerGone         the spawner doesn't answer
    ├── Unwell              a service that was asked how it is doesn't answer, or isn't ready
    ├── StoreFailed         the database can't be opened, read or written
    └── BuildFailed         an image, guest or site could not be built
"""

from __future__ import annotations


class LabError(Exception):
    """A failure with words for a person.

    `message` says what happened; `remedy` says what the reader can do ("" where nothing can be).
    `code` is stable and machine-readable: tests, the page and docs/develop/errors.md refer to it.
    """

    code = "error"

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class BadInput(LabError):
    code = "bad-input"


class CatalogError(BadInput):
    """A lesson, quiz or lab file that can't be used; `file` is relative to the repository, `line` counts from 1."""

    code = "bad-lesson"

    def __init__(self, file: str, line: int, message: str, remedy: str = "") -> None:
        super().__init__(f"{file}:{line}: {message}", remedy)
        self.file = file
        self.line = line


class NotFound(LabError):
    code = "not-found"


class Refused(LabError):
    code = "refused"


class NotSignedIn(Refused):
    code = "not-signed-in"


class Conflict(LabError):
    code = "conflict"


class Missing(LabError):
    code = "missing"


class HostFull(LabError):
    code = "host-full"


# what somebody can do for whom there is no sandbox
MEANWHILE = (
    "Read on meanwhile, copy commands into a terminal of your own, or try again in a few minutes: places become free."
)


class DriverUnavailable(LabError):
    code = "driver-unavailable"


class SandboxFailed(LabError):
    code = "sandbox-failed"


class SpawnerGone(LabError):
    code = "spawner-gone"


class Unwell(LabError):
    code = "unwell"


class StoreFailed(LabError):
    code = "store-failed"


class BuildFailed(LabError):
    code = "build-failed"


def _leaves(kind: type[LabError]) -> list[type[LabError]]:
    found = [kind]
    for child in kind.__subclasses__():
        found.extend(_leaves(child))
    return found


def by_code(code: str, message: str, remedy: str = "") -> LabError:
    """The error with this code, as read from a message; an unknown code gives a plain LabError."""
    for kind in _leaves(LabError):
        if kind.code == code and kind is not CatalogError:
            return kind(message, remedy)
    return LabError(message, remedy)
