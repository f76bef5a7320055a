"""The course's listening socket: had once, and named to people.

Knows addresses, and who holds a port. Doesn't know what is served.
"""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

from lab_server.errors import Conflict, Refused
from lab_server.settings import Settings


def listen(host: str, port: int) -> socket.socket:
    """The listening socket. Raises Conflict naming who has the port, Refused for an address or port we can't have."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as why:
        raise Refused(
            f"LABS_HOST={host} is no address of this machine: {why.strerror}.", "Set it to 127.0.0.1."
        ) from None
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(2048)
    except OSError as why:
        listener.close()
        if isinstance(why, PermissionError):
            raise Refused(f"Port {port} is for root only.", "Set LABS_PORT to one from 1024.") from None
        if why.errno == 98:
            by = holder(port)
            raise Conflict(
                f"Port {port} is in use{f' by {by}' if by else ''}.", "Stop that, or set LABS_PORT to another port."
            ) from None
        raise Refused(f"Can't listen on {host} port {port}: {why.strerror}.", "Set LABS_HOST to 127.0.0.1.") from None
    return listener


def holder(port: int) -> str:
    """The process listening on a port, as "name (process N)"; "" where that can't be known."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for fd in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(fd.readlink()) in inodes:
                        return f"{(process / 'comm').read_text().strip()} (process {process.name})"
    return ""


def address(settings: Settings, listener: socket.socket) -> str:
    """Where a person opens the course."""
    if settings.origins:
        return f"{settings.origins[0]}/"
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/"
