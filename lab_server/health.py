"""How the two services are, asked as a stranger would: the web server by HTTP, the spawner by its socket.

Knows addresses, and what each answers. Doesn't know processes. Says one line, or raises Unwell with one.
"""

from __future__ import annotations

import http.client
import json

from lab_server.errors import LabError, Unwell
from lab_server.sandbox.client import SpawnerClient

WITHIN = 5.0  # seconds for an answer
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # every address of this machine → one that can be asked
MOST = 65536  # bytes of an answer that are read


def web(host: str, port: int, *, ready: bool = False) -> str:
    """The web server answers, as it should; `ready`: and a sandbox can be had. Raises Unwell."""
    host, path = LOOPBACK.get(host, host), "/readyz" if ready else "/healthz"
    connection = http.client.HTTPConnection(host, port, timeout=WITHIN)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        status, body = response.status, response.read(MOST)
    except (OSError, http.client.HTTPException) as why:
        what = getattr(why, "strerror", "") or "it gave no answer" + (
            " in time" if isinstance(why, TimeoutError) else ""
        )
        raise Unwell(f"The web server on {host} port {port} can't be asked: {what}.", "Its log says more.") from None
    finally:
        connection.close()
    if status != 200:
        raise Unwell(f"The web server answers {status} to {path}: {_reason(body)}", "Its log says more.")
    return "ok: a sandbox can be had" if ready else "ok: the web server answers"


def _reason(body: bytes) -> str:
    try:
        said = json.loads(body)
        return str(said.get("reason") or said["error"]["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no reason is given."


def spawner(client: SpawnerClient) -> str:
    """The spawner answers, and a sandbox can be had. Raises Unwell."""
    try:
        info = client.info()
    except LabError as why:
        raise Unwell(str(why), "Its log says more.") from None
    if not info["ready"]:
        raise Unwell(f"No sandbox can be had: {info['detail']}", "Its log says more.")
    return f"ok: a sandbox can be had, made with {info['driver']}"
