"""Messages on the spawner's socket: encode, decode, check. Pure, but for two helpers that move them with descriptors.

One request and one reply a connection, each one datagram of a SOCK_SEQPACKET unix socket (unix(7)), JSON inside;
descriptors travel beside it (SCM_RIGHTS). The verbs are closed: what is not in VERBS is refused unread.

    request   {"verb": "create", "sandbox": "k3x9…", "template": "default", "labels": {"owner": "…"}}
    reply     {"ok": {…}}   or   {"error": {"code": "…", "message": "…", "remedy": "…"}}
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab_server.errors import BadInput, LabError, SpawnerGone, by_code
from lab_server.sandbox.names import LABEL, MAX_COLUMNS, MAX_ROWS, SANDBOX_ID, SESSION, UNBOUND

MAX_MESSAGE = 64 * 1024
MAX_DESCRIPTORS = 3
MOST_MEASURED = 256  # sandboxes in one question: the answer fits in a message

# verb -> its fields; every field is required, none other is allowed
VERBS: dict[str, dict[str, str]] = {
    "info": {},
    "list": {"after": "after"},
    "create": {"sandbox": "sandbox", "template": "template", "labels": "labels"},
    "bind": {"sandbox": "sandbox", "template": "template", "labels": "labels"},
    "destroy": {"sandbox": "sandbox"},
    "open": {"sandbox": "sandbox", "session": "session", "columns": "columns", "rows": "rows"},
    "resize": {"sandbox": "sandbox", "session": "session", "columns": "columns", "rows": "rows"},
    "status": {"sandbox": "sandbox", "session": "session"},
    "hangup": {"sandbox": "sandbox", "session": "session"},
    "run": {"sandbox": "sandbox", "argv": "argv"},
    "freeze": {"sandbox": "sandbox", "on": "flag"},
    "usage": {"sandboxes": "sandboxes"},
}


def _sandbox(value: object) -> bool:
    return isinstance(value, str) and SANDBOX_ID.fullmatch(value) is not None


def _labels(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= 8
        and value != UNBOUND
        and all(
            isinstance(k, str) and isinstance(v, str) and LABEL.fullmatch(k) and LABEL.fullmatch(v)
            for k, v in value.items()
        )
    )


def _argv(value: object) -> bool:
    return (
        isinstance(value, list)
        and 1 <= len(value) <= 256
        and all(isinstance(word, str) and "\0" not in word for word in value)
    )


def _whole(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


CHECKS: dict[str, Callable[[Any], bool]] = {
    "sandbox": _sandbox,
    "after": lambda v: v == "" or _sandbox(v),
    "sandboxes": lambda v: isinstance(v, list) and len(v) <= MOST_MEASURED and all(map(_sandbox, v)),
    "session": lambda v: isinstance(v, str) and SESSION.fullmatch(v) is not None,
    "template": lambda v: isinstance(v, str) and LABEL.fullmatch(v) is not None and ".." not in v,
    "columns": lambda v: _whole(v, MAX_COLUMNS),
    "rows": lambda v: _whole(v, MAX_ROWS),
    "labels": _labels,
    "argv": _argv,
    "flag": lambda v: isinstance(v, bool),
    "name": lambda v: isinstance(v, str) and LABEL.fullmatch(v) is not None,
    "terminal": lambda v: isinstance(v, str) and v.isascii() and v.isdigit() and len(v) <= 12,
}


def check(request: object, verbs: Mapping[str, Mapping[str, str]] = VERBS) -> dict[str, Any]:
    """The request itself when it is one of `verbs` with just its fields, each well-formed. Raises BadInput naming the field."""
    if not isinstance(request, dict):
        raise BadInput("A request is a JSON object.")
    verb = request.get("verb")
    fields = verbs.get(verb) if isinstance(verb, str) else None
    if fields is None:
        raise BadInput(f"There is no verb {str(verb)[:40]!r}.", f"Verbs: {', '.join(verbs)}.")
    extra = set(request) - set(fields) - {"verb"}
    if extra:
        raise BadInput(f"The verb {verb!r} takes no field {sorted(map(str, extra))[0][:40]!r}.")
    for name, kind in fields.items():
        if not CHECKS[kind](request.get(name)):
            raise BadInput(f"The field {name!r} of {verb!r} is not a valid {kind}.")
    return request


def page(entries: list[dict[str, Any]], after: str) -> dict[str, Any]:
    """A reply to `list`: the entries whose ids come after this one, as many as a message holds; "more" is the last one's id, or ""."""
    later = sorted((entry for entry in entries if entry["sandbox"] > after), key=lambda entry: str(entry["sandbox"]))
    size = 0
    for n, entry in enumerate(later):
        size += len(json.dumps(entry)) + 1
        if n and size > MAX_MESSAGE // 2:
            return {"sandboxes": later[:n], "more": later[n - 1]["sandbox"]}
    return {"sandboxes": later, "more": ""}


def whole_list(ask: Callable[[str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Every page of `list`, in the order of ids; `ask(after)` gives one."""
    found: list[dict[str, Any]] = []
    after = ""
    while True:
        reply = ask(after)
        found += reply["sandboxes"]
        after = str(reply["more"])
        if not after:
            return found


def encode(message: dict[str, Any]) -> bytes:
    data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    if len(data) > MAX_MESSAGE:
        raise BadInput(f"A message of {len(data)} bytes is over the {MAX_MESSAGE} allowed.")
    return data


def decode(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data)
    except ValueError:
        raise BadInput("A message is not JSON.") from None
    if not isinstance(message, dict):
        raise BadInput("A message is a JSON object.")
    return message


def failure(error: LabError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}


def result(reply: dict[str, Any]) -> dict[str, Any]:
    """What a reply says went well; raises the error it carries, as its own type."""
    if "error" in reply:
        told = reply["error"]
        raise by_code(str(told.get("code")), str(told.get("message")), str(told.get("remedy", "")))
    return dict(reply.get("ok") or {})


def send(connection: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()) -> None:
    socket.send_fds(connection, [encode(message)], list(fds))


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """One message and its descriptors, close-on-exec; descriptors past MAX_DESCRIPTORS are closed at once.

    Raises SpawnerGone at end of file, BadInput for what is no message (its descriptors are closed).
    """
    room = socket.CMSG_SPACE(64 * array.array("i").itemsize)
    data, ancillary, flags, _ = connection.recvmsg(MAX_MESSAGE + 1, room, socket.MSG_CMSG_CLOEXEC)
    fds: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
            fds.extend(numbers)
    try:
        if not data:
            raise SpawnerGone("The other end closed the connection before it answered.")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) or len(data) > MAX_MESSAGE or len(fds) > MAX_DESCRIPTORS:
            raise BadInput("A message is over the size or the descriptors allowed.")
        return decode(data), fds
    except BaseException:
        close_all(fds)
        raise


def ask(
    path: Path, request: dict[str, Any], fds: tuple[int, ...] = (), timeout: float | None = None
) -> tuple[dict[str, Any], list[int]]:
    """One request on a connection of its own: (what the reply says went well, its descriptors).

    Raises the error that the reply carries, TimeoutError, other OSErrors, or SpawnerGone at end of file.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        send(connection, request, fds)
        reply, received = receive(connection)
    try:
        return result(reply), received
    except Exception:
        close_all(received)
        raise


def close_all(fds: list[int] | tuple[int, ...]) -> None:
    for fd in fds:
        os.close(fd)
