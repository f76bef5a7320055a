"""User namespaces kept only for their id maps: what an idmapped mount is told to shift by (mount_setattr(2)).

Knows how to make one and hold its descriptor. Doesn't know what is mounted with it.
"""

from __future__ import annotations

import os
import subprocess
import threading

from lab_server.errors import DriverUnavailable


class UserNamespaces:
    """One namespace an id range, made when first asked for and kept: making one costs a process."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()

    def get(self, first: int, count: int) -> int:
        """A descriptor of a namespace that maps 0…count to first…; it stays ours. Raises DriverUnavailable."""
        with self._lock:
            if first not in self._held:
                self._held[first] = _make(first, count)
            return self._held[first]

    def close(self) -> None:
        with self._lock:
            for descriptor in self._held.values():
                os.close(descriptor)
            self._held.clear()


def _make(first: int, count: int) -> int:
    # `read` keeps the process, and with it the namespace, until we have a descriptor on it
    command = ["unshare", "--user", "sh", "-c", "echo here; read _"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as holder:
        assert holder.stdin and holder.stdout
        try:
            if not holder.stdout.readline():
                raise DriverUnavailable(
                    "The kernel refuses user namespaces.", "Set user.max_user_namespaces (sysctl) above 0."
                )
            for name in ("uid_map", "gid_map"):
                fd = os.open(f"/proc/{holder.pid}/{name}", os.O_WRONLY)
                try:
                    os.write(fd, f"0 {first} {count}\n".encode())
                finally:
                    os.close(fd)
            return os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            holder.kill()
