"""The OCI runtime's command line: crun(1), one method a subcommand.

Knows crun's arguments, exit statuses and console socket. Doesn't know what is in a bundle or why.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from lab_server.errors import DriverUnavailable, Missing, SandboxFailed
from lab_server.sandbox import rpc

OLDEST = (1, 8)
PATIENCE = 60.0  # seconds for one call: emulated machines are slow


class Crun:
    """crun with its state below `root`, which no other program uses."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._version = ""

    def version(self) -> str:
        """Like "crun 1.21". Raises Missing, or DriverUnavailable when it is too old."""
        if not self._version:
            if not shutil.which("crun"):
                raise Missing("crun is not installed.", "apt-get install crun")
            words = subprocess.run(["crun", "--version"], capture_output=True, text=True, check=False).stdout.split()
            number = words[2] if len(words) > 2 else "0"
            if tuple(int(part) for part in number.split(".")[:2] if part.isdigit()) < OLDEST:
                raise DriverUnavailable(f"crun {number} is too old.", "Install crun 1.8 or newer.")
            self._version = f"crun {number}"
        return self._version

    def _command(self, *arguments: str) -> list[str]:
        return ["crun", f"--root={self._root}", "--cgroup-manager=cgroupfs", *arguments]

    def _call(self, *arguments: str) -> str:
        self._root.mkdir(parents=True, exist_ok=True)
        # Not a pipe: a detached container keeps the descriptor, and reading to its end would wait for the container's.
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                self._command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=PATIENCE,
                check=False,
            )
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
        if done.returncode:
            raise SandboxFailed(f"crun {arguments[0]} failed: {text[-500:] or done.returncode}.", "See `labs doctor`.")
        return text

    def run(self, id: str, bundle: Path, pid_file: Path) -> int:
        """Create and start the container, detached; the pid of its PID 1 as the host sees it."""
        self._call("run", "--detach", f"--pid-file={pid_file}", f"--bundle={bundle}", id)
        return int(pid_file.read_text())

    def known(self) -> list[str]:
        """The ids of every container below this root."""
        if not self._root.is_dir():
            return []
        return [entry["id"] for entry in json.loads(self._call("list", "--format=json") or "[]")]

    def delete(self, id: str) -> None:
        """Kill and forget the container; one that is not there is no error."""
        subprocess.run(
            self._command("delete", "--force", id),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
        )

    def terminal(self, id: str, process: dict[str, Any], scratch: Path) -> tuple[int, int]:
        """Start `process` on a new PTY of the container: (the PTY's master, the process's pid on the host).

        crun opens the PTY inside and sends its master through a socket that only root can reach (--console-socket).
        """
        with tempfile.TemporaryDirectory(dir=scratch) as name:
            place = Path(name)
            (place / "process.json").write_text(json.dumps(process))
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as console:
                console.bind(str(place / "console"))
                console.listen(1)
                console.settimeout(PATIENCE)
                self._call(
                    "exec",
                    "--detach",
                    f"--console-socket={place / 'console'}",
                    f"--pid-file={place / 'pid'}",
                    f"--process={place / 'process.json'}",
                    id,
                )
                with console.accept()[0] as sender:
                    _, fds, _, _ = socket.recv_fds(sender, 256, 4)
            if len(fds) != 1 or not os.isatty(fds[0]):
                rpc.close_all(fds)
                raise SandboxFailed("crun sent no terminal.", "Try again.")
            os.set_inheritable(fds[0], False)
            return fds[0], int((place / "pid").read_text())

    def start(
        self, id: str, process: dict[str, Any], fds: tuple[int, int, int], scratch: Path
    ) -> subprocess.Popen[bytes]:
        """Start `process` in the container on these descriptors; crun stays, and ends with its exit status."""
        with tempfile.NamedTemporaryFile("w", dir=scratch, suffix=".json", delete=False) as file:
            json.dump(process, file)
        return subprocess.Popen(
            self._command("exec", f"--process={file.name}", id), stdin=fds[0], stdout=fds[1], stderr=fds[2]
        )
