"""The OCI runtime's command line: crun(1), one method a subcommand.

Knows crun's arguments (with commands.py), exit statuses and console socket. Doesn't know what is in a bundle or why.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from lab_server.errors import DriverUnavailable, Missing, SandboxFailed
from lab_server.sandbox import commands, rpc

OLDEST = (1, 8)
PATIENCE = 60.0  # seconds for one call: emulated machines are slow
# Not by the bundle's oomScoreAdj alone: `crun exec` leaves that be, so that PID 1 went first. choom(1) is in util-linux, on every Debian.
_EXPENDABLE = ("choom", "-n", str(commands.OOM_SCORE_ADJ), "--") if shutil.which("choom") else ()


class Crun:
    """crun with its state below `root`, which no other program uses."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._version = ""

    def version(self) -> str:
        """Like "crun 1.21". Raises Missing, or DriverUnavailable when it is too old."""
        if not self._version:
            try:
                words = subprocess.run(
                    ["crun", "--version"], capture_output=True, text=True, check=False
                ).stdout.split()
            except FileNotFoundError:
                raise Missing("crun is not installed.", "apt-get install crun") from None
            number = words[2] if len(words) > 2 else "0"
            if tuple(int(part) for part in number.split(".")[:2] if part.isdigit()) < OLDEST:
                raise DriverUnavailable(f"crun {number} is too old.", "Install crun 1.8 or newer.")
            self._version = f"crun {number}"
        return self._version

    def _command(self, *arguments: str) -> list[str]:
        return commands.crun(self._root, *arguments)

    def _starting(self, *arguments: str) -> list[str]:
        """The same for what starts processes in a sandbox: they inherit the score, which crun must have before it forks."""
        return [*_EXPENDABLE, *self._command(*arguments)]

    def _call(self, *arguments: str) -> str:
        self._root.mkdir(parents=True, exist_ok=True)
        # Not a pipe: a detached container keeps the descriptor, and reading to its end would wait for the container's.
        with open(os.memfd_create("crun"), "w+b") as said:  # noqa: PTH123 -- a descriptor, no path
            started = subprocess.Popen(self._starting(*arguments), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
            try:
                code = started.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                started.kill()
                started.wait()
                raise SandboxFailed(f"crun {arguments[0]} did not end in time.", "See `labs doctor`.") from None
            said.seek(0)
            text = said.read().decode(errors="replace").strip()
        reap_strays()
        if code:
            raise SandboxFailed(f"crun {arguments[0]} failed: {text[-500:] or code}.", "See `labs doctor`.")
        return text

    def run(self, id: str, bundle: Path, pid_file: Path) -> int:
        """Create and start the container, detached; the pid of its PID 1 as the host sees it."""
        self._call(*commands.run(id, bundle, pid_file))
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
        place = scratch / os.urandom(6).hex()
        place.mkdir(mode=0o700)
        (place / "process.json").write_text(json.dumps(process))
        try:
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
        finally:
            for left in place.iterdir():
                left.unlink()
            place.rmdir()

    def start(self, id: str, process: dict[str, Any], fds: tuple[int, int, int]) -> subprocess.Popen[bytes]:
        """Start `process` in the container on these descriptors; crun stays, and ends with its exit status."""
        told = os.memfd_create("process.json")  # no file: a sandbox's tasks are looked at thousands of times
        try:
            os.write(told, json.dumps(process).encode())
            return subprocess.Popen(
                self._starting("exec", f"--process=/proc/self/fd/{told}", id),
                stdin=fds[0],
                stdout=fds[1],
                stderr=fds[2],
                pass_fds=(told,),
            )
        finally:
            os.close(told)


def reap_strays() -> None:
    """A detaching crun leaves a process of its own behind, which ends as the child of a subreaper, us, and that nobody waits for.

    It is called crun and is in a session that is neither ours nor its own. What we started ourselves is in ours; a shell is in its own.
    """
    ours = os.getsid(0)
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended
            for child in map(int, listed.read_text().split()):
                with contextlib.suppress(OSError):
                    _, _, rest = Path(f"/proc/{child}/stat").read_text().partition("(crun) Z ")
                    if rest and int(rest.split()[2]) not in (ours, child):
                        os.waitpid(child, os.WNOHANG)
